"""Reads the records of a model from the lake, the ledger and the prediction log.

MLflow is not needed: its runs and versions are recorded in lake and ledger at their creation. The
import of MLflow alone takes longer than the whole answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import polars as pl

from airworthy.batch_scoring.score_table import BatchPredictions
from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.lake import delta, open_lake
from airworthy.lake.dataset_records import Event
from airworthy.lake.datasets import open_datasets
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.promoted_parts import part_of_table
from airworthy.ledger import first_broken_entry, open_ledger
from airworthy.lineage.graph import Graph
from airworthy.lineage.model_records import ModelRecords
from airworthy.lineage.node_ids import dataset_id, partition_id
from airworthy.lineage.partition_nodes import add_partitions
from airworthy.lineage.scored_nodes import add_scored
from airworthy.lineage.served_nodes import PredictionCount, add_prediction_counts
from airworthy.lineage.version_names import VersionNames, number_of
from airworthy.predictions.log_tables import scan_days, table_uri
from airworthy.predictions.spool import PREDICTIONS


def read_model_records(environment: Environment, model: str) -> ModelRecords:
    """Return the records of a model's dataset versions, and its ledger.

    Raises:
        TerminalError: when the ledger was changed: it is no evidence then.
        TransientError: when the lake cannot be reached.
    """
    entries = open_ledger(environment, model).entries()
    broken = first_broken_entry(entries, model)
    if broken is not None:
        raise TerminalError(
            "the ledger was changed, so that nothing can be traced through it",
            model=model,
            received=f"entry {broken.sequence} ({broken.entry_id})",
            allowed="an unbroken hash chain",
            next_step=f"airworthy ledger verify {model}",
        )
    return ModelRecords(model, open_datasets(environment, model).events(Event), entries)


def read_partitions(
    environment: Environment, graph: Graph, model: str, nodes: Collection[str]
) -> None:
    """Add the partitions of every dataset version among the nodes to the graph.

    Args:
        environment: The environment of the lake.
        graph: The model's graph.
        model: The model's name.
        nodes: Ids of nodes of the graph.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    keys = [
        node.removeprefix(dataset_id("")) for node in nodes if graph.nodes[node].kind == "dataset"
    ]
    if not keys:
        return
    by_dataset = open_datasets(environment, model).partitions(keys)
    contents = {content for partitions in by_dataset.values() for content in partitions.items()}
    days = {day for day, _ in contents}
    records = _partition_records(environment, model, days, _parts(graph, model, by_dataset))
    used = [record for record in records if (record.partition, record.digest) in contents]
    add_partitions(graph, model, by_dataset, used)


def read_day(environment: Environment, graph: Graph, model: str, day: str) -> list[str]:
    """Add one partition, with each of its contents over time, to the graph; return its nodes.

    Args:
        environment: The environment of the lake.
        graph: The model's graph.
        model: The model's name.
        day: The partition's UTC day, ISO 8601.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    by_dataset = open_datasets(environment, model).partitions(day=day)
    existing = set(graph.nodes)
    records = _partition_records(environment, model, {day}, _parts(graph, model, by_dataset))
    add_partitions(graph, model, by_dataset, records)
    return [
        node.id
        for node in graph.nodes.values()
        if node.kind == "partition" and node.id not in existing
    ]


def read_prediction_counts(
    environment: Environment, graph: Graph, records: ModelRecords, nodes: Collection[str]
) -> None:
    """Add the number of predictions of each version among the nodes, by arm.

    Only predictions that were collected into the lake count.

    Args:
        environment: The environment of the lake.
        graph: The model's graph.
        records: The model's records.
        nodes: Ids of nodes of the graph.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    model = records.model
    versions = {
        str(graph.nodes[node].version) for node in nodes if graph.nodes[node].version is not None
    }
    rows = scan_days(table_uri(environment, model, PREDICTIONS), "0", "9")
    if rows is None or not versions:
        return
    keys, time = ["version", "arm"], pl.col("time")
    counts = (
        rows.filter(pl.col("model_version").is_in(sorted(set(map(number_of, versions)))))
        .with_columns(_version_name(records.names).alias("version"))
        .filter(pl.col("version").is_in(sorted(versions)))
        .group_by(keys)
        .agg(pl.len(), time.min().alias("first"), time.max().alias("last"))
        .sort(keys)
    )
    with delta.delta_errors(table_uri(environment, model, PREDICTIONS)):
        add_prediction_counts(
            graph, model, [PredictionCount(*row) for row in counts.collect().iter_rows()]
        )


def _version_name(names: VersionNames) -> pl.Expr:
    """Return the name of a logged prediction's version, by its number and its time."""
    name = pl.col("model_version")
    for number, bearers in names.bearers.items():
        for bearer in reversed(bearers[:-1]):
            is_former = (pl.col("model_version") == number) & (pl.col("time") < bearer.until)
            name = pl.when(is_former).then(pl.lit(bearer.name)).otherwise(name)
    return name


def read_scored(
    environment: Environment, graph: Graph, records: ModelRecords, nodes: Collection[str]
) -> None:
    """Add the batch predictions of the versions among the nodes, and of the partitions among them.

    Args:
        environment: The environment of the lake.
        graph: The model's graph.
        records: The model's records.
        nodes: Ids of nodes of the graph.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    names, model = records.names, records.model
    versions = {graph.nodes[node].version for node in nodes}
    history = BatchPredictions(environment, model).history()
    named = [(names.of_files(each.model_version, each.bundle_digest), each) for each in history]
    versions |= {
        name
        for name, record in named
        if partition_id(record.partition, record.input_digest) in nodes
    }
    add_scored(graph, model, [each for each in named if each[0] in versions])


def read_scored_day(graph: Graph, model: str, record: ScoredPartition) -> None:
    """Add the partition of a batch score, with its content at that time, to the graph.

    Args:
        graph: The model's graph.
        model: The model's name.
        record: The record of the batch score.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    records = _table_records(record.input_table, {record.partition})
    scored = [each for each in records if each.digest == record.input_digest]
    add_partitions(graph, model, {}, scored)


def _parts(graph: Graph, model: str, datasets: Iterable[str]) -> list[str]:
    """Return the parts of the lake with the rows of dataset versions, the model's own rows first.

    Args:
        graph: The model's graph.
        model: The model's name.
        datasets: Keys of dataset versions.
    """
    nodes = [graph.nodes[dataset_id(key)] for key in datasets if dataset_id(key) in graph.nodes]
    parts = {part_of_table(model, str(node.facts.get("table", ""))) for node in nodes}
    return sorted({"", *parts})


def _partition_records(
    environment: Environment, model: str, days: Collection[str], parts: Iterable[str]
) -> list[PartitionRecord]:
    """Return the records of all contents of these days over time, oldest first.

    Args:
        environment: The environment of the lake.
        model: The model's name.
        days: The days.
        parts: The parts of the lake.
    """
    tables = [open_lake(environment, model, part).data_uri for part in parts]
    return [record for table in tables for record in _table_records(table, days)]


def _table_records(uri: str, days: Collection[str]) -> list[PartitionRecord]:
    table = delta.open_table(uri)
    commits = delta.history(table) if table is not None else []
    return [
        PartitionRecord.from_metadata(commit)
        for commit in commits
        if commit.get("kind") == "partition" and commit["partition"] in days
    ]
