"""What was recorded about a model, read from the lake, the ledger and the prediction log.

MLflow is not asked: what lineage needs of a run or a version is recorded when it is made, and importing MLflow alone
takes longer than the whole answer.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from airworthy.batch_scoring.score_table import BatchPredictions
from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.lake import delta, open_lake
from airworthy.lake.datasets import Event, open_datasets
from airworthy.lake.partition_records import PartitionRecord
from airworthy.ledger import first_break, open_ledger
from airworthy.lineage.build import Facts, add_partitions, dataset_id, partition_id
from airworthy.lineage.graph import Graph
from airworthy.lineage.scored_nodes import add_scored
from airworthy.lineage.served_nodes import Answered, add_answered
from airworthy.predictions.log_tables import scan_days, table_uri
from airworthy.predictions.spool import PREDICTIONS


def read_facts(environment: Environment, model: str) -> Facts:
    """Return what was recorded of a model's dataset versions, and its ledger.

    Raises:
        TerminalError: when the ledger was changed: what it says would be no evidence.
        TransientError: when the lake cannot be reached.
    """
    entries = open_ledger(environment, model).entries()
    broken = first_break(entries)
    if broken is not None:
        raise TerminalError(
            "the ledger was changed, so that nothing can be traced through it",
            model=model,
            received=f"entry {broken.sequence} ({broken.entry_id})",
            allowed="an unbroken hash chain",
            next_step=f"airworthy ledger verify {model}",
        )
    return Facts(model, open_datasets(environment, model).events(Event), entries)


def read_partitions(
    environment: Environment, graph: Graph, model: str, nodes: Collection[str]
) -> None:
    """Add the partitions of every dataset version among the nodes to the graph.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    keys = [
        node.removeprefix(dataset_id("")) for node in nodes if graph.nodes[node].kind == "dataset"
    ]
    if not keys:
        return
    held = open_datasets(environment, model).partitions(keys)
    contents = {content for partitions in held.values() for content in partitions.items()}
    records = _partition_records(environment, model, {day for day, _ in contents})
    add_partitions(
        graph, model, held, [each for each in records if (each.partition, each.digest) in contents]
    )


def read_day(environment: Environment, graph: Graph, model: str, day: str) -> list[str]:
    """Add one partition, in every content that it ever had, to the graph; return its nodes.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    held = open_datasets(environment, model).partitions(day=day)
    known = set(graph.nodes)
    add_partitions(graph, model, held, _partition_records(environment, model, {day}))
    return [
        node.id
        for node in graph.nodes.values()
        if node.kind == "partition" and node.id not in known
    ]


def read_answered(
    environment: Environment, graph: Graph, model: str, nodes: Collection[str]
) -> None:
    """Add how often each version among the nodes answered, by arm, as far as it was collected into the lake.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    versions = {
        str(graph.nodes[node].version) for node in nodes if graph.nodes[node].version is not None
    }
    rows = scan_days(table_uri(environment, model, PREDICTIONS), "0", "9")
    if rows is None or not versions:
        return
    counted = rows.filter(pl.col("model_version").is_in(sorted(versions))).group_by(
        "model_version", "arm"
    )
    time = pl.col("time")
    found = counted.agg(pl.len(), time.min().alias("first"), time.max().alias("last")).sort(
        "model_version", "arm"
    )
    with delta.explained(table_uri(environment, model, PREDICTIONS)):
        add_answered(graph, model, [Answered(*row) for row in found.collect().iter_rows()])


def read_scored(environment: Environment, graph: Graph, model: str, nodes: Collection[str]) -> None:
    """Add what the versions among the nodes scored in batches, and what was scored of the partitions among them.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    versions = {graph.nodes[node].version for node in nodes}
    history = BatchPredictions(environment, model).history()
    of_partitions = (
        each for each in history if partition_id(each.partition, each.input_digest) in nodes
    )
    versions |= {each.model_version for each in of_partitions}
    add_scored(graph, model, [each for each in history if each.model_version in versions])


def read_scored_day(graph: Graph, model: str, record: ScoredPartition) -> None:
    """Add the partition that was scored, in the content that it had then, to the graph.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    records = _written(record.input_table, {record.partition})
    add_partitions(
        graph, model, {}, [each for each in records if each.digest == record.input_digest]
    )


def _partition_records(
    environment: Environment, model: str, days: Collection[str]
) -> list[PartitionRecord]:
    """Return the records of all contents that these days ever had, oldest first."""
    return _written(open_lake(environment, model).data_uri, days)


def _written(uri: str, days: Collection[str]) -> list[PartitionRecord]:
    table = delta.open_table(uri)
    commits = delta.history(table) if table is not None else []
    written = [
        each for each in commits if each.get("kind") == "partition" and each["partition"] in days
    ]
    return [PartitionRecord.from_metadata(commit) for commit in written]
