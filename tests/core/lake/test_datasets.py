"""Every dataset version has its record: identity, content and history; each thing once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.lake import open_lake
from airworthy.lake.dataset_records import (
    BenchmarkRecord,
    DatasetRecord,
    TrainingRecord,
    ValidationRecord,
)
from airworthy.lake.datasets import dataset_key, open_datasets
from airworthy.lake.statistics import frame_statistics
from airworthy.stages.ingest import ingest

from ..stages.conftest import MakeModel, RunStages, make_model, run_stages  # noqa: TID252 - tests are no installed package
from .conftest import MakeJob

__all__ = ["make_model", "run_stages"]


def test_a_runs_stages_write_the_whole_record_once(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Ingest, validate, train and evaluate each add their part of the record, and a repeat adds
    nothing.
    """
    first = run_stages(make_model(), last="evaluate", run_id="one")
    again = run_stages("small_model", last="validate", run_id="one")
    dataset, datasets = (
        DatasetRef.model_validate(first["dataset"]),
        open_datasets(environment, "small_model"),
    )
    assert dataset_key(DatasetRef.model_validate(again["dataset"])) == dataset_key(dataset)
    [(key, record)] = datasets.events(DatasetRecord)
    assert (key, record.id, record.digest) == (dataset_key(dataset), dataset.id, dataset.digest)
    assert (record.rows, record.quarantined, record.partition_count) == (
        dataset.rows,
        dataset.quarantined,
        8,
    )
    assert (record.table, record.version, record.window) == (
        dataset.table,
        dataset.version,
        dataset.window,
    )
    assert (record.source.split()[0], record.run_id, record.reason) == (
        "simulator",
        "one",
        "manual",
    )
    assert datasets.partitions([key]) == {key: dataset.partitions}
    [(_, validation)] = datasets.events(ValidationRecord)
    # Its own expectation, and the default ones: columns, rows, and nulls of six columns.
    assert (validation.success, validation.checks, validation.failed) == (True, 9, [])
    [(_, training)] = datasets.events(TrainingRecord)
    split = first["challenger"]["split"]
    assert training.mlflow_run_id == first["challenger"]["mlflow_run_id"]
    assert training.rows["learning"] + training.rows["tuning"] == split["train_rows"]
    assert training.rows["holdout"] == split["holdout_rows"]
    assert training.holdout_start == datetime.fromisoformat(split["holdout_start"])
    assert training.start < training.tuning_start < training.holdout_start < training.end
    assert sum(training.ratio.values()) == pytest.approx(1.0)
    [(_, benchmark)] = datasets.events(BenchmarkRecord)
    assert benchmark.metrics == first["verdict"]["metrics"]
    assert (benchmark.outcome, benchmark.mlflow_run_id) == ("pass", training.mlflow_run_id)


def test_statistics_are_of_every_row_of_the_window(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """The recorded statistics, merged from partitions, are those of all rows; an inexact count is
    marked.
    """
    dataset = DatasetRef.model_validate(run_stages(make_model(), last="ingest")["dataset"])
    [(_, record)] = open_datasets(environment, "small_model").events(DatasetRecord)
    whole = frame_statistics(open_lake(environment, "small_model").scan(dataset).collect())
    for name, column in whole.items():
        moments, unsure = {"mean", "std"}, {"distinct", "exact"} if name == "delivery_id" else set()
        exact = record.statistics[name].model_dump(exclude=moments | unsure)
        assert exact == column.model_dump(exclude=moments | unsure)
        for moment in moments:
            value = getattr(column, moment)
            expected = None if value is None else pytest.approx(value, rel=1e-9)
            assert getattr(record.statistics[name], moment) == expected, (name, moment)
    keys = record.statistics["delivery_id"]
    assert not keys.exact
    assert 0 < (keys.distinct or 0) <= (whole["delivery_id"].distinct or 0)


def test_a_failed_validation_is_recorded(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """The run stops, and the dataset version's record says why."""
    wrong = {
        "type": "expect_column_values_to_be_between",
        "column": "stops",
        "min_value": 500,
        "severity": "critical",
    }
    with pytest.raises(TerminalError, match="critical"):
        run_stages(make_model(validate={"expectations": [wrong]}))
    [(_, validation)] = open_datasets(environment, "small_model").events(ValidationRecord)
    assert not validation.success
    assert "stops" in validation.failed[0]


def test_the_next_nights_statistics_read_one_day(
    make_job: MakeJob, put_day: Any, tmp_path: Path
) -> None:
    """A day's cached statistics serve every later dataset version: its rows are not read for them
    again.
    """
    for day in (1, 2, 3, 4):
        put_day(day, minutes=10.0 * day)
    ingest(make_job())
    [file] = (tmp_path / "lake/trips/data/partition=2026-01-02").iterdir()
    file.unlink()
    ingest(make_job(date(2026, 1, 5)))
    records = [
        record for _, record in open_datasets(make_job().environment, "trips").events(DatasetRecord)
    ]
    assert [record.statistics["minutes"].min for record in records] == [10.0, 20.0]
    assert [record.rows for record in records] == [60, 60]


def test_a_lake_from_before_there_were_records_gets_them(
    make_job: MakeJob, put_day: Any, tmp_path: Path
) -> None:
    """Missing statistics are computed from the lake's rows, and a repeated ingest adds the record."""
    for day in (1, 2, 3):
        put_day(day)
    job = make_job()
    dataset = ingest(job)
    for name in ("datasets", "statistics"):
        (tmp_path / "lake/trips" / name).rename(tmp_path / name)
    assert ingest(job).partitions_read == 0
    [(key, record)] = open_datasets(job.environment, "trips").events(DatasetRecord)
    assert key == dataset_key(dataset)
    assert (record.statistics["city"].values, record.statistics["id"].count) == ({"rome": 60}, 60)


def test_the_same_content_in_another_window_is_another_dataset_version(
    make_job: MakeJob, put_day: Any
) -> None:
    """Days without rows change no content, but move where time cuts: two records, each with its
    window.
    """
    for day in (1, 2):
        put_day(day)
    for day in (3, 4):
        ingest(make_job(date(2026, 1, day)))
    records = [
        record for _, record in open_datasets(make_job().environment, "trips").events(DatasetRecord)
    ]
    assert len({record.digest for record in records}) == 1
    assert [record.window.end for record in records] == [
        datetime(2026, 1, day, tzinfo=UTC) for day in (3, 4)
    ]


def test_a_partition_finds_the_dataset_versions_that_hold_it(
    make_job: MakeJob, put_day: Any
) -> None:
    """Asked for one day, the records name its dataset versions, each with the day's content."""
    for day in (1, 2, 3, 4, 5):
        put_day(day)
    datasets = [ingest(make_job(date(2026, 1, day))) for day in (4, 5, 6)]
    holding = open_datasets(make_job().environment, "trips").partitions(day="2026-01-02")
    assert holding == {
        dataset_key(each): {"2026-01-02": each.partitions["2026-01-02"]} for each in datasets[:2]
    }
