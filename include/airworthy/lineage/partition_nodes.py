"""Partitions in the graph, and their sources. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airworthy.lake.partition_records import PartitionRecord
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.node_ids import dataset_id, partition_id, utc_text
from airworthy.lineage.titles import partition_title


def add_partitions(
    graph: Graph,
    model: str,
    partitions_by_dataset: Mapping[str, Mapping[str, str]],
    records: Iterable[PartitionRecord],
) -> None:
    """Add the partitions of dataset versions, and their sources.

    Args:
        graph: The result of `build_graph`.
        model: The model's name.
        partitions_by_dataset: Dataset version's key -> day -> digest of the content.
        records: The lake's records of all contents that the partitions ever had.
    """
    by_content = {(record.partition, record.digest): record for record in records}
    for (day, digest), record in by_content.items():
        _add_partition(graph, model, day, digest, record)
    for key, partitions in partitions_by_dataset.items():
        for day, digest in partitions.items():
            node = _add_partition(graph, model, day, digest, by_content.get((day, digest)))
            if dataset_id(key) in graph.nodes:
                graph.link(node, dataset_id(key))


def _add_partition(
    graph: Graph, model: str, day: str, digest: str, record: PartitionRecord | None
) -> str:
    facts = {"model": model, "partition": day, "digest": digest}
    title, time = partition_title(day, digest, record), None
    if record is not None:
        facts |= record.model_dump(mode="json", exclude={"columns"})
        time = utc_text(record.created)
    node = graph.add(Node(partition_id(day, digest), "partition", title, time, facts=facts))
    if record is not None:
        graph.link(_add_source(graph, record.source), node)
    return node


def _add_source(graph: Graph, source: str) -> str:
    return graph.add(
        Node(f"source:{source}", "source", f"source: {source}", facts={"source": source})
    )
