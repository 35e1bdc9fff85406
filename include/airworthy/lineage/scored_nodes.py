"""Batch predictions in the graph: what a version scored, a partition at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.lineage.build import partition_id, version_id
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.served_nodes import add_prediction, decisions_before
from airworthy.lineage.titles import scored_title
from airworthy.release.rollout_flags import CHAMPION


def add_scored(graph: Graph, model: str, records: Iterable[ScoredPartition]) -> None:
    """Add all that each version scored in batches as one node, after the deployments that let it, and its partitions.

    Args:
        graph: Made by `build`.
        model: The model's name.
        records: Every partition that was ever written, oldest first.
    """
    history = list(records)
    standing = {record.partition: record.request_id for record in history}
    for version in dict.fromkeys(record.model_version for record in history):
        written = [record for record in history if record.model_version == version]
        replaced = sum(standing[record.partition] != record.request_id for record in written)
        days = sorted({record.partition for record in written})
        facts: dict[str, Any] = {
            "model": model,
            "partitions": len(written),
            "replaced": replaced,
            "rows": sum(record.rows for record in written),
            "quarantined": sum(record.quarantined for record in written),
            "first": days[0],
            "last": days[-1],
            "runs": list(dict.fromkeys(record.run_id for record in written)),
        }
        last = max(record.scored_at for record in written)
        node = Node(
            f"scored:{version}",
            "scored",
            scored_title(version, facts),
            last.isoformat(timespec="milliseconds"),
            version=version,
            facts=facts,
        )
        graph.add(node)
        before = decisions_before(graph, version, CHAMPION, last) or [version_id(version)]
        inputs = [partition_id(record.partition, record.input_digest) for record in written]
        for each in dict.fromkeys([*before, *inputs]):
            if each in graph.nodes:
                graph.link(each, node.id)


def add_scored_prediction(graph: Graph, node: Node, record: ScoredPartition) -> None:
    """Add one prediction of a batch, after what let its version score, and the partition that its row is from."""
    add_prediction(graph, node, CHAMPION, record.scored_at)
    inputs = partition_id(record.partition, record.input_digest)
    if inputs in graph.nodes:
        graph.link(inputs, node.id)
