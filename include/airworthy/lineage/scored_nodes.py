"""Batch predictions in the graph: one node per version, after its partitions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.node_ids import partition_id, version_id
from airworthy.lineage.served_nodes import add_prediction, decisions_before
from airworthy.lineage.titles import scored_title
from airworthy.release.rollout_flags import CHAMPION


def add_scored(graph: Graph, model: str, records: Iterable[tuple[str, ScoredPartition]]) -> None:
    """Add one node for all batch predictions of a version.

    It follows the version's deployments and the scored partitions.

    Args:
        graph: The result of `build_graph`.
        model: The model's name.
        records: The records of every partition over time, oldest first, each with its version's
            name.
    """
    history = list(records)
    current = {record.partition: record.request_id for _, record in history}
    for version in dict.fromkeys(name for name, _ in history):
        written = [record for name, record in history if name == version]
        replaced = sum(current[record.partition] != record.request_id for record in written)
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
    """Add one batch prediction, after its version's deployment and the partition of its row.

    Args:
        graph: The model's graph.
        node: The prediction's node, with its version.
        record: The record of the scored partition.
    """
    add_prediction(graph, node, CHAMPION, record.scored_at)
    inputs = partition_id(record.partition, record.input_digest)
    if inputs in graph.nodes:
        graph.link(inputs, node.id)
