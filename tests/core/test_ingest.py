"""Ingest puts a window into the lake, reads no more than needed, and never leaves half a partition."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import RunRequest
from airworthy.job import Job
from airworthy.lake import open_lake
from airworthy.lake.digest import frame_digest
from airworthy.lake.ingest_news import IngestNews, ingest_news
from airworthy.lake.preprocessing import preprocessing_digest
from airworthy.lake.row_changes import RowChanges
from airworthy.lake.unusable_rows import quarantine_rows
from airworthy.spec import ModelSpec
from airworthy.stages.ingest import ingest


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., Job]:
    """Return a maker of jobs for three-day windows over daily CSV files, or over another source."""

    def make(
        day: int = 4,
        source: dict[str, Any] | None = None,
        as_of: datetime | None = None,
        **changes: Any,
    ) -> Job:
        (tmp_path / "models/trips").mkdir(parents=True, exist_ok=True)
        declared = {
            "source": source or {"type": "files", "format": "csv", "path": "{yyyy}-{mm}-{dd}.csv"},
            "event_time": "at",
            "key": ["id"],
            "label": "minutes",
            "columns": {"id": "int", "city": "category", "minutes": "float"},
        } | changes
        spec = ModelSpec.model_validate(
            {
                "model": "trips",
                "task": "regression",
                "owner": "tests",
                "start": "2026-01-01",
                "end": "2026-01-20",
                "ingest": declared,
                "train": {"lookback": "3d", "holdout": "1d"},
                "evaluate": {"gates": [{"metric": "rmse", "max": 10}]},
            }
        )
        environment = Environment(
            name="test",
            project=tmp_path,
            models=tmp_path / "models",
            state=tmp_path,
            lake=str(tmp_path / "lake"),
            tracking_uri="none",
            artifacts="none",
            server_url="none",
            downloads=tmp_path / "downloads",
        )
        moment = as_of or datetime(2026, 1, day, tzinfo=UTC)
        return Job(
            spec, environment, RunRequest(model="trips", as_of=moment, reason="manual", run_id="r")
        )

    return make


@pytest.fixture
def put_day(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of one day's CSV file of `rows` rows, with further lines as they are given."""

    def put(day: int, rows: int = 20, minutes: float = 10.0, extra: tuple[str, ...] = ()) -> Path:
        path = tmp_path / f"models/trips/2026-01-{day:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f"2026-01-{day:02}T{n % 24:02}:00:00Z,{day * 1000 + n},rome,{minutes + n}"
            for n in range(rows)
        ]
        path.write_text("\n".join(["at,id,city,minutes", *lines, *extra]) + "\n")
        return path

    return put


def test_a_window_comes_in_and_a_second_run_touches_nothing(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """The dataset names every partition with its content digest; running again reads and writes no
    partition.
    """
    for day in (1, 2, 3):
        put_day(day)
    job = make_job()
    first = ingest(job)
    assert (first.rows, first.quarantined, first.partitions_read) == (60, 0, 3)
    assert list(first.partitions) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    lake = open_lake(job.environment, "trips")
    for name, digest in first.partitions.items():
        assert frame_digest(lake.read_partition(first, date.fromisoformat(name))) == digest
    second = ingest(job)
    assert second == first.model_copy(update={"partitions_read": 0})


def test_the_next_night_reads_only_the_new_day(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """With nothing to settle, a partition read once after its end is final."""
    for day in (1, 2, 3, 4):
        put_day(day)
    ingest(make_job(4))
    assert ingest(make_job(5)).partitions_read == 1


def test_a_settling_partition_is_read_again_and_noted(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """Until labels are due a day is read by each later run, once; equal content is noted, not
    rewritten.
    """
    for day in (1, 2, 3, 4):
        put_day(day)
    ingest(make_job(4, label_delay="1d"))
    later = ingest(make_job(5, label_delay="1d"))
    assert later.partitions_read == 2
    assert ingest(make_job(5, label_delay="1d")).partitions_read == 0
    lake = open_lake(make_job().environment, "trips")
    assert lake.partitions()["2026-01-03"].as_of == datetime(2026, 1, 5, tzinfo=UTC)
    assert lake.restatements().is_empty()


def test_a_source_that_changes_a_day_is_recorded(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """A restated day gets its new content and a record of the old; the earlier dataset version
    stays readable.
    """
    for day in (1, 2, 3, 4):
        put_day(day)
    before = ingest(make_job(4, restate="2d"))
    put_day(3, rows=5, minutes=99.0)
    after = ingest(make_job(5, restate="2d"))
    lake = open_lake(make_job().environment, "trips")
    (restated,) = lake.restatements().to_dicts()
    assert (restated["partition"], restated["cause"]) == ("2026-01-03", "restated")
    assert restated["previous_digest"] == before.partitions["2026-01-03"]
    assert restated["digest"] == after.partitions["2026-01-03"]
    assert (restated["previous_rows"], restated["rows"]) == (20, 5)
    assert restated["as_of"] == datetime(2026, 1, 5, tzinfo=UTC)
    assert lake.read_partition(before, date(2026, 1, 3)).height == 20
    assert lake.read_partition(after, date(2026, 1, 3)).height == 5


def test_bad_rows_are_kept_aside(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """A few bad rows go to quarantine with their reason, and leave it when the source has corrected
    them.
    """
    put_day(1, extra=("2026-01-01T01:00:00Z,,rome,1", "2026-01-01T01:00:00Z,9,rome,long"))
    put_day(2)
    put_day(3)
    dataset = ingest(make_job(max_bad_share=0.2, restate="9d"))
    assert (dataset.rows, dataset.quarantined) == (60, 2)
    lake = open_lake(make_job().environment, "trips")
    assert lake.quarantine()["reason"].to_list() == ["null key id", "unparsable minutes"]
    assert lake.quarantine()["partition"].unique().to_list() == ["2026-01-01"]
    put_day(1)
    put_day(4)
    put_day(5)
    ingest(make_job(4, max_bad_share=0.21, restate="9d"))
    assert ingest(make_job(5, max_bad_share=0.2, restate="9d")).quarantined == 0


def test_too_many_bad_rows_leave_the_lake_as_it_was(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """Over the share the run stops, names the counts, and neither data nor quarantine has changed."""
    for day in (1, 2, 3, 4):
        put_day(day)
    before = ingest(make_job(4, restate="2d"))
    put_day(3, rows=1, extra=("soon,1,rome,1",) * 3)
    with pytest.raises(
        TerminalError, match=r"too many rows of 2026-01-03 .*unparsable at \(3\)"
    ) as caught:
        ingest(make_job(5, restate="2d"))
    assert (caught.value.model, caught.value.stage) == ("trips", "ingest")
    lake = open_lake(make_job().environment, "trips")
    assert lake.refresh().version == before.version
    assert lake.quarantine().is_empty()


def test_days_without_data_are_reported_and_tried_again(
    make_job: Callable[..., Job], put_day: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """An empty day is recorded, never invented; its file may come later, also for the same as_of."""
    put_day(1)
    put_day(3)
    with caplog.at_level(logging.WARNING, "airworthy.ingest"):
        first = ingest(make_job())
    assert "{yyyy}-{mm}-{dd}.csv has nothing for 2026-01-02" in caplog.text
    assert list(first.partitions) == ["2026-01-01", "2026-01-03"]
    assert open_lake(make_job().environment, "trips").refresh().empty == {"2026-01-02"}
    assert ingest(make_job()).version == first.version
    put_day(2)
    assert ingest(make_job()).partitions_read == 1


def test_a_day_that_the_source_dropped_stays(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """Rows in the lake are not emptied because a file is gone."""
    for day in (1, 2, 3, 4):
        path = put_day(day)
    ingest(make_job(4, restate="9d"))
    path.with_name("2026-01-03.csv").unlink()
    assert ingest(make_job(5, restate="9d")).partitions["2026-01-03"]


def test_a_source_with_nothing_at_all_is_named(make_job: Callable[..., Job]) -> None:
    """A window without a row is an error with the searched address."""
    with pytest.raises(TerminalError, match="nothing for the whole window") as caught:
        ingest(make_job())
    assert caught.value.received == "{yyyy}-{mm}-{dd}.csv"


def test_a_spec_that_makes_other_rows_reads_again(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """A new column means reading the window anew, recorded as the spec's doing, not the source's."""
    for day in (1, 2, 3):
        put_day(day)
    ingest(make_job())
    wider = ingest(make_job(columns={"id": "int", "minutes": "float"}))
    assert wider.partitions_read == 3
    lake = open_lake(make_job().environment, "trips")
    assert lake.restatements()["cause"].unique().to_list() == ["preprocessing"]
    assert lake.scan(wider).collect().columns == ["at", "id", "minutes"]


@pytest.mark.parametrize(
    "as_of",
    [
        datetime(2026, 1, 4, 1, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 22, tzinfo=UTC),
    ],
)
def test_an_as_of_without_data_is_refused(make_job: Callable[..., Job], as_of: datetime) -> None:
    """Anything but a UTC midnight within the spec's days is answered with the allowed days."""
    with pytest.raises(TerminalError) as caught:
        ingest(make_job(as_of=as_of))
    assert caught.value.allowed == "a UTC midnight from 2026-01-02 to 2026-01-21"


def test_a_window_is_clipped_to_the_first_day(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """Early runs get the present days, and the dataset has their window."""
    put_day(1)
    dataset = ingest(make_job(2))
    assert dataset.window.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert list(dataset.partitions) == ["2026-01-01"]


INGEST_SCRIPT = """
import sys
from airworthy.environment import Environment
from airworthy.handover import RunRequest
from airworthy.job import Job
from airworthy.spec import ModelSpec
from airworthy.stages.ingest import ingest
spec, environment, run = sys.argv[1:]
job = Job(ModelSpec.model_validate_json(spec), Environment.model_validate_json(environment),
          RunRequest.model_validate_json(run))
print(ingest(job).digest)
"""


def test_two_processes_at_once_agree(make_job: Callable[..., Job]) -> None:
    """Two runs of one window at the same time end with one dataset, and every row once."""
    source = {"type": "simulator", "rows_per_day": 500}
    columns = {"delivery_id": "int", "city": "category", "minutes": "float"}
    job = make_job(20, source, event_time="picked_up_at", key=["delivery_id"], columns=columns)
    parts = [
        job.spec.model_dump_json(by_alias=True),
        job.environment.model_dump_json(),
        job.run.model_dump_json(),
    ]
    command = [sys.executable, "-c", INGEST_SCRIPT, *parts]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(3)
    ]
    outputs = [run.communicate(timeout=120)[0].strip() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    dataset = ingest(job)
    assert set(outputs) == {dataset.digest}
    assert dataset.partitions_read == 0
    rows = open_lake(job.environment, "trips").scan(dataset).collect()
    assert rows.height == dataset.rows == rows["delivery_id"].n_unique()


def test_a_killed_run_is_finished_by_the_next(make_job: Callable[..., Job]) -> None:
    """SIGKILL leaves whole partitions only; the next run adds the missing ones and gets the same
    data.
    """
    source = {"type": "simulator", "rows_per_day": 20_000}
    columns = {"delivery_id": "int", "city": "category", "minutes": "float"}
    job = make_job(20, source, event_time="picked_up_at", key=["delivery_id"], columns=columns)
    parts = [
        job.spec.model_dump_json(by_alias=True),
        job.environment.model_dump_json(),
        job.run.model_dump_json(),
    ]
    run = subprocess.Popen(
        [sys.executable, "-c", INGEST_SCRIPT, *parts], stdout=subprocess.PIPE, text=True
    )
    lake = open_lake(job.environment, "trips")
    while not lake.partitions() and run.poll() is None:
        pass
    run.kill()
    run.communicate()
    dataset = ingest(job)
    assert dataset.partitions_read + len(dataset.partitions) >= 3
    assert len(dataset.partitions) == 3
    stored = lake.scan(dataset).collect()
    assert stored.height == dataset.rows == stored["delivery_id"].n_unique()
    days = stored.group_by(pl.col("picked_up_at").dt.date()).len()
    assert days.height == timedelta(days=3).days


def test_changed_password_is_no_changed_data(make_job: Callable[..., Job]) -> None:
    """Rotating a database's password re-reads nothing and leaves no digest to guess it from;
    another host does both.
    """
    query = "SELECT * FROM t WHERE at >= :start AND at < :end"
    urls = ("postgresql://u:old@db/x", "postgresql://u:new@db/x", "postgresql://u:new@other/x")
    one, rotated, other = (
        preprocessing_digest(make_job(source={"type": "sql", "url": url, "query": query}))
        for url in urls
    )
    assert one == rotated != other


def named(job: Job, run_id: str) -> Job:
    """Return the job of another run."""
    return replace(job, run=job.run.model_copy(update={"run_id": run_id}))


def rewrite(job: Job, day: str) -> None:
    """Write a day again with the same rows, as a run does that has read it at the same time."""
    lake = open_lake(job.environment, "trips")
    record = lake.partitions()[day]
    later = record.model_copy(update={"run_id": job.run.run_id, "as_of": job.run.as_of})
    rows = lake.current_rows(record)
    assert rows is not None
    lake.replace(rows, quarantine_rows(rows.clear(), rows["city"].clear()), later)


def news_of(job: Job) -> IngestNews:
    """Return the news of a job's run."""
    return ingest_news(open_lake(job.environment, "trips"), job.run.run_id)


def test_a_run_tells_the_days_it_wrote_and_what_changed_in_them(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """The news are of this run alone; a restated day has its changes, and late labels are none."""
    for day in (1, 2, 3, 4):
        put_day(day)
    first = named(make_job(4, restate="2d"), "first")
    ingest(first)
    assert [record.cause for record in news_of(first).written] == ["new"] * 3
    assert news_of(first).restated == []
    beside = named(make_job(4, restate="2d", as_of=datetime(2026, 1, 4, 12, tzinfo=UTC)), "beside")
    rewrite(beside, "2026-01-03")
    assert len(news_of(first).written) == 3
    assert news_of(beside).written == []
    path = put_day(3, rows=18, minutes=10.0, extra=("2026-01-03T22:00:00Z,9999,rome,",))
    path.write_text(path.read_text(encoding="utf-8").replace(",3000,rome,", ",3000,oslo,"))
    second = named(make_job(5, restate="2d"), "second")
    ingest(second)
    assert [record.partition for record in news_of(second).written] == ["2026-01-03", "2026-01-04"]
    [restated] = news_of(second).restated
    assert restated.row_changes == RowChanges(added=1, removed=2, changed={"city": 1}, labelled=0)
    path.write_text(path.read_text(encoding="utf-8").replace(",9999,rome,", ",9999,rome,7.5"))
    third = named(make_job(5, restate="3d", as_of=datetime(2026, 1, 6, tzinfo=UTC)), "third")
    put_day(5)
    ingest(third)
    assert "2026-01-03" in [record.partition for record in news_of(third).written]
    assert news_of(third).restated == []


def test_other_columns_at_the_source_are_noticed_once_also_when_they_end_the_run(
    make_job: Callable[..., Job], put_day: Callable[..., Path]
) -> None:
    """An undeclared column counts; a missing one is on record though the run failed by it."""
    for day in (1, 2, 3, 4, 5):
        put_day(day)
    ingest(named(make_job(4), "first"))
    path = put_day(4)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([f"{lines[0]},tip", *(f"{line},1" for line in lines[1:])]))
    second = named(make_job(5), "second")
    ingest(second)
    [change] = news_of(second).schema_changes
    assert change.lines == ["tip appeared (String)"]
    path = put_day(5)
    path.write_text(path.read_text(encoding="utf-8").replace("city", "town"))
    third, fourth = (named(make_job(6), run_id) for run_id in ("third", "fourth"))
    for job in (third, fourth):
        with pytest.raises(TerminalError, match="no column 'city'"):
            ingest(job)
    [change] = news_of(third).schema_changes
    assert (change.day, sorted(change.vanished), sorted(change.appeared)) == (
        "2026-01-05",
        ["city", "tip"],
        ["town"],
    )
    assert news_of(fourth).schema_changes == []
