"""Compares what costs reading everything: each partition, the files of versions, the logged answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from airworthy.bundle import bundle_digest
from airworthy.days import DAY, midnight
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, Window
from airworthy.lake import delta
from airworthy.lake.lake import Lake, open_lake
from airworthy.lake.partition_records import PartitionRecord
from airworthy.ledger.registered_versions import removed_versions
from airworthy.predictions.log_tables import table_uri
from airworthy.reconciliation.disagreement import FORWARD, Disagreement
from airworthy.reconciliation.facts import Facts
from airworthy.reconciliation.ledger_words import former_champions
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.registry.registry import Registry, open_registry
from airworthy.traffic import traffic_of

_ANSWERS = ("predictions", "batch_predictions")


def deep_disagreements(
    environment: Environment, facts: Facts, parts: Sequence[str]
) -> list[Disagreement]:
    """Return the partitions, files and answers that are not what the records say of them.

    Args:
        environment: The environment.
        facts: The records of a model, whose ledger can be read.
        parts: The subfolders of the model's lakes; empty: the lake of training rows.

    Raises:
        TransientError: when MLflow or the lake cannot be reached.
    """
    return [
        *_damaged_files(environment, facts),
        *(
            each
            for part in parts
            for each in _damaged_days(open_lake(environment, facts.model, part))
        ),
        *_doubled_answers(environment, facts.model),
    ]


def _damaged_days(lake: Lake) -> list[Disagreement]:
    records = lake.refresh()
    return [
        _damaged_partition(lake.model, record.partition, error)
        for record in records.partitions.values()
        if record.rows
        for error in lake.damaged(_day_of(lake, record, records.version))
    ]


def _damaged_partition(model: str, day: str, error: TerminalError) -> Disagreement:
    # It stops nothing by itself: a stage that reads the day stops, and others do not need it.
    return Disagreement(
        kind="damaged_partition",
        subject=day,
        model=model,
        problem=error.problem,
        received=str(error.received),
        allowed=str(error.allowed),
        next_step=str(error.next_step),
    )


def _day_of(lake: Lake, record: PartitionRecord, version: int) -> DatasetRef:
    """Return one day of the lake as a dataset version."""
    start = midnight(date.fromisoformat(record.partition))
    return DatasetRef(
        model=lake.model,
        table=lake.data_uri,
        version=version,
        window=Window(start=start, end=start + DAY),
        partitions={record.partition: record.digest},
        rows=record.rows,
        quarantined=record.quarantined,
        digest=record.digest,
    )


def _damaged_files(environment: Environment, facts: Facts) -> list[Disagreement]:
    """Return the champions, present and former, whose files are not those of their digest."""
    champion = traffic_of(facts.entries).champion_version
    removed = removed_versions(facts.entries)
    former = [each for each in former_champions(facts.entries) if each not in removed]
    versions = [*([champion] if champion else []), *former]
    with mlflow_errors(environment):
        registry = open_registry(environment)
        return [
            _damaged_bundle(facts, version, error, serves=version == champion)
            for version in dict.fromkeys(versions)
            if version in facts.registered
            and (error := _damage(registry, facts, version)) is not None
        ]


def _damage(registry: Registry, facts: Facts, version: str) -> str | None:
    """Return what is wrong with a version's files, or None."""
    try:
        found = bundle_digest(registry.bundle(facts.model, version)[0])
    except (TerminalError, OSError) as error:
        return str(error)
    return None if found == facts.registered[version].bundle_digest else f"digest {found}"


def _damaged_bundle(facts: Facts, version: str, found: str, *, serves: bool) -> Disagreement:
    return Disagreement(
        kind="damaged_files",
        subject=version,
        model=facts.model,
        problem=f"the files of version {version} are not those that were registered",
        received=found,
        allowed=f"digest {facts.registered[version].bundle_digest}",
        next_step="restore MLflow's artifacts from their backup",
        stops=FORWARD if serves else (),
    )


def _doubled_answers(environment: Environment, model: str) -> list[Disagreement]:
    found = []
    for kind in _ANSWERS:
        uri = table_uri(environment, model, kind)
        table = delta.open_table(uri)
        if table is None:
            continue
        with delta.delta_errors(uri):
            counts = delta.scan(table).group_by("id").len().filter(pl.col("len") > 1)
            ids = counts.sort("id").collect()["id"].to_list()
        if ids:
            found.append(_doubled(model, kind, ids))
    return found


def _doubled(model: str, kind: str, ids: list[str]) -> Disagreement:
    return Disagreement(
        kind="doubled_rows",
        subject=kind,
        model=model,
        problem=f"the table {kind} has rows twice",
        received=f"{len(ids)} ids, the first is {ids[0]}",
        allowed="each row once",
        next_step="leave the table as it is, and report this with the log of the collector",
    )
