"""No row of a source is lost in silence: each is kept, in quarantine, or counted; or the run stops."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.own_data.world import Ingested, ingest_window, model_folder, write_model

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, IngestCounts
from airworthy.job import Job
from airworthy.lake.conform import conform
from airworthy.lake.ingest_news import ingest_news
from airworthy.lake.lake import open_lake
from airworthy.stages.ingest import ingest

HEAD = "at,id,city,minutes"
DAILY = {"path": "{yyyy}-{mm}-{dd}.csv"}
QUERY = "SELECT at, id, city, minutes FROM trips WHERE at >= :start AND at < :end"


def lines(day: int, rows: int = 20) -> list[str]:
    """Return good rows of a day of January 2026, one an hour."""
    return [
        f"2026-01-{day:02}T{n % 24:02}:00:00Z,{day * 1000 + n},rome,{10.5 + n}" for n in range(rows)
    ]


def put(root: Path, day: int, rows: list[str]) -> Path:
    """Write a day's CSV file."""
    path = model_folder(root) / f"2026-01-{day:02}.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return path


def daily(root: Path, extra: list[str], **ingest: Any) -> Job:
    """Write three days of files, with further rows on the first, and return the job."""
    for day in (1, 2, 3):
        put(root, day, lines(day) + (extra if day == 1 else []))
    return write_model(root, source=DAILY, ingest=ingest)


def counts_of(dataset: DatasetRef) -> IngestCounts:
    """Return a dataset's counts."""
    assert dataset.counts is not None
    return dataset.counts


def database(root: Path, rows: list[tuple[Any, ...]], name: str = "trips.db") -> Path:
    """Write an SQLite file with trips."""
    path = model_folder(root) / name
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trips (at TEXT, id, city TEXT, minutes)")
        connection.executemany("INSERT INTO trips VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return path


def trips(shift: str = "") -> list[tuple[Any, ...]]:
    """Return trips of three days, one every six hours; `shift` ends each time."""
    return [
        (f"2026-01-{day:02} {hour:02}:00:00{shift}", day * 100 + hour, "rome", 1.0 + hour)
        for day in (1, 2, 3)
        for hour in (0, 6, 12, 18)
    ]


def sql(query: str = QUERY, name: str = "trips.db") -> dict[str, Any]:
    """Return the part `ingest.source` of an SQLite file."""
    return {"source": {"type": "sql", "url": f"sqlite:///{name}", "query": query}}


ONE_KEY = [f"2026-01-01T20:00:00Z,7,rome,{n}.5" for n in range(30)]


@pytest.mark.parametrize(
    ("extra", "ingest", "kept", "quarantined", "message"),
    [
        ([lines(1)[0]], {}, 60, [], ""),
        (["2026-01-01T00:00:00Z,1000,oslo,10.5"], {}, 60, ["another row of this key"], ""),
        (ONE_KEY, {}, 0, [], "id 7: minutes 0.5 and 29.5"),
        (ONE_KEY, {"same_key": "latest"}, 61, [], ""),
        (["2026-01-01T20:00:00Z,7,rome,NA"], {}, 60, ["unparsable minutes"], ""),
        (["2026-01-01T20:00:00Z,7,rome,NA"] * 9, {}, 0, [], 'null_values: ["NA"]'),
        (["2026-01-01T20:00:00Z,7,rome,1.797e308"], {}, 60, ["beyond float32 minutes"], ""),
        (["2026-01-02T00:00:00Z,7,rome,1"], {}, 0, [], "up to a moment after"),
        (["2026-01-02T01:30:00Z,7,rome,1"], {}, 0, [], "a zone other than UTC"),
        (["2025-12-31T23:00:00Z,7,rome,1"], {}, 0, [], "up to 1 h before the day"),
        (["2019-05-05T23:00:00Z,7,rome,1"], {}, 0, [], "leave {dd} out of the path"),
    ],
)
def test_what_becomes_of_a_row_of_a_day(
    tmp_path: Path,
    extra: list[str],
    ingest: dict[str, Any],
    kept: int,
    quarantined: list[str],
    message: str,
) -> None:
    """Each row is kept, in quarantine with its reason, an exact repeat, or it stops the run."""
    result = ingest_window(daily(tmp_path, extra, **ingest))
    assert message in result.message
    assert (result.error is None) == (not message)
    assert result.rows.height == kept
    assert result.quarantine["reason"].to_list() == quarantined


def test_a_monthly_file_has_no_row_of_another_month(tmp_path: Path) -> None:
    """Such a row would be looked for in the other month's file, and lost."""
    path = model_folder(tmp_path) / "2026-01.csv"
    path.write_text("\n".join([HEAD, *lines(1), "2026-02-01T00:30:00Z,7,rome,1"]) + "\n")
    result = ingest_window(write_model(tmp_path, source={"path": "{yyyy}-{mm}.csv"}))
    assert "has rows of days that are looked for in other files" in result.message
    whole = ingest_window(write_model(tmp_path, source={"path": "2026-*.csv"}))
    assert (whole.message, whole.rows.height) == ("", 20)


def test_a_wrong_key_stops_with_two_examples(tmp_path: Path) -> None:
    """A key that names several rows is told with keys and values, and with both ways on."""
    result = ingest_window(daily(tmp_path, [], key=["city"]))
    assert "another row of this key (19)" in result.message
    assert "city 'rome': at 2026-01-01 00:00:00 and 2026-01-01 19:00:00" in result.message
    assert "ingest.key" in result.message
    assert "same_key: latest" in result.message


ROW = st.tuples(
    st.sampled_from(["2026-01-01 05:00", "2026-01-01 06:00", "soon", "2026-01-05 00:00", ""]),
    st.sampled_from(["1", "2", "3", "x", ""]),
    st.sampled_from(["rome", "oslo"]),
    st.sampled_from(["1", "2", "NA", "inf", "1e300", ""]),
)


@given(st.lists(ROW, max_size=30), st.sampled_from(["quarantine", "latest"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_counts_of_a_day_add_up(tmp_path: Path, rows: list[Any], same_key: str) -> None:
    """Every raw row is kept, in quarantine, an exact repeat, or replaced as the spec says."""
    more = {"same_key": same_key, "max_bad_share": 1.0}
    job = write_model(tmp_path, source={"path": "all.csv"}, ingest=more)
    good = ("2026-01-01 07:00", "9", "rome", "3")
    raw = pl.DataFrame([good, *rows], schema=HEAD.split(","), orient="row")
    raw = raw.with_columns(pl.lit("4").alias("minutes")).head(2).vstack(raw)
    result = conform(raw, job.spec.ingest, date(2026, 1, 1))
    quarantined = sum(reason.count for reason in result.reasons.values())
    assert quarantined == result.quarantine.height
    dropped = result.duplicates + result.superseded
    assert result.rows.height + quarantined + dropped == raw.height
    assert result.rows["id"].n_unique() == result.rows.height
    cells = set(raw.select("id", "city").unique().iter_rows())
    assert {(str(i), city) for i, city in result.rows.select("id", "city").iter_rows()} <= cells
    if same_key == "quarantine":
        assert result.superseded == 0


def test_a_run_ends_with_what_became_of_all_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Read, kept, quarantined by reason with an example, duplicates, and days without data."""
    extra = ["2026-01-01T20:00:00Z,7,rome,NA", lines(1)[0]]
    job = daily(tmp_path, extra)
    (model_folder(tmp_path) / "2026-01-03.csv").unlink()
    with caplog.at_level("INFO", "airworthy.ingest"):
        dataset = ingest(job)
    expected = [
        "read 42 rows, kept 40, quarantined 1, dropped 1 duplicates, 1 days without data "
        "(2026-01-03)",
        "  quarantined: 1 unparsable minutes, such as 2026-01-01: row 21 'NA'",
        '  if "NA" means no value: say `null_values: ["NA"]` in ingest',
    ]
    assert counts_of(dataset).lines == expected
    assert caplog.messages[-1] == "\n".join(expected)
    assert counts_of(ingest(job)).lines == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (QUERY, ""),
        (QUERY + ";", ""),
        (QUERY + " LIMIT 4", ""),
        (QUERY.replace(">=", ">"), "lost: the query gives them for neither"),
        (QUERY.replace("< :end", "<= :end"), "end the query's day with < :end"),
        (QUERY.replace("at,", "datetime(at, '+8 hours') AS at,", 1), "a zone other than UTC"),
        (QUERY.replace("id,", "id, city,"), "gives the column 'city' more than once"),
    ],
)
def test_what_becomes_of_a_query(tmp_path: Path, query: str, message: str) -> None:
    """A query that gives other days' rows, or leaves rows out between days, stops the run."""
    database(tmp_path, trips())
    result = ingest_window(write_model(tmp_path, source={}, ingest=sql(query)))
    assert message in result.message
    assert (result.error is None) == (not message)
    assert result.rows.height == (0 if message else 12)


@pytest.mark.parametrize("name", ["a b.db", "a[1].db", "a#1.db", "a?1.db", "a%20b.db", "ä.db"])
def test_an_sqlite_file_of_any_name_is_found(tmp_path: Path, name: str) -> None:
    """The characters of patterns and addresses are those of a name."""
    database(tmp_path, trips(), name)
    result = ingest_window(write_model(tmp_path, source={}, ingest=sql(name=name)))
    assert (result.message, result.rows.height) == ("", 12)


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("mysql://u:pw-9f3e71@127.0.0.1/x", "PyMySQL"),
        ("mssql://u:pw-9f3e71@127.0.0.1/x", "pymssql"),
        ("snowflake://u:pw-9f3e71@127.0.0.1/x", "snowflake-sqlalchemy"),
    ],
)
def test_a_driver_that_is_not_there_is_named_by_its_package(
    tmp_path: Path, url: str, package: str
) -> None:
    """The error says what to install, and not the password."""
    source = {"type": "sql", "url": url, "query": QUERY}
    result = ingest_window(write_model(tmp_path, source={}, ingest={"source": source}))
    assert f"install the Python package {package}" in result.message
    assert "pw-9f3e71" not in result.message


def run_of(job: Job, run_id: str, refresh: str | None = None) -> Job:
    """Return the job of another run."""
    return replace(job, run=job.run.model_copy(update={"run_id": run_id, "refresh": refresh}))


def correct_file(root: Path) -> None:
    """Correct a value in the first day's file."""
    put(root, 1, [line.replace(",10.5", ",99.5") for line in lines(1)])


def truncate_file(root: Path) -> None:
    """Leave half of the first day's file."""
    put(root, 1, lines(1)[:10])


def correct_table(root: Path) -> None:
    """Correct a value of the first day so that a count of values shows it."""
    with sqlite3.connect(model_folder(root) / "trips.db") as connection:
        connection.execute("UPDATE trips SET minutes = NULL WHERE id = 106")
    connection.close()


def daily_job(root: Path) -> Job:
    """Return a job over daily files."""
    return daily(root, [])


def many_days_job(root: Path) -> Job:
    """Return a job over one file of many days."""
    path = model_folder(root) / "all.csv"
    path.write_text("\n".join([HEAD, *(line for day in (1, 2, 3) for line in lines(day))]) + "\n")
    return write_model(root, source={"path": "all.csv"})


def correct_many(root: Path) -> None:
    """Correct a value of the first day in the file of many days."""
    path = model_folder(root) / "all.csv"
    path.write_text(path.read_text().replace("1000,rome,10.5", "1000,rome,99.5"))


def sql_job(root: Path) -> Job:
    """Return a job over a table."""
    database(root, trips())
    return write_model(root, source={}, ingest=sql())


@pytest.mark.parametrize(
    ("make", "change", "told"),
    [
        (daily_job, correct_file, "20 rows kept, 20 at the source: 1 with another minutes"),
        (daily_job, truncate_file, "20 rows kept, 10 at the source: 10 removed"),
        (many_days_job, correct_many, "20 rows kept, 20 at the source: 1 with another minutes"),
        (sql_job, correct_table, "4 rows kept, 4 at the source: 1 with another minutes"),
    ],
)
def test_a_changed_day_is_kept_told_of_once_and_read_again_when_asked(
    tmp_path: Path, make: Callable[[Path], Job], change: Callable[[Path], None], told: str
) -> None:
    """Its own day alone is told of; `refresh` brings the source's rows in, and is on record."""
    job = make(tmp_path)
    first = ingest(run_of(job, "first"))
    change(tmp_path)
    second = ingest(run_of(job, "second"))
    assert second.partitions == first.partitions
    [notice, way] = counts_of(second).notices
    assert notice == (
        f"changed at the source, and kept because it is final since 2026-01-02: 2026-01-01: {told}"
    )
    assert way.endswith("airworthy run trips --refresh 2026-01-01..2026-01-01")
    lake = open_lake(job.environment, "trips")
    [news] = ingest_news(lake, "second").source_changes
    assert news.line == f"2026-01-01: {told}"
    third = ingest(run_of(job, "third"))
    assert (counts_of(third).notices, third.version) == ([], second.version)
    fourth = ingest(run_of(job, "fourth", "2026-01-01"))
    assert fourth.partitions["2026-01-01"] != first.partitions["2026-01-01"]
    assert lake.partitions()["2026-01-01"].cause == "refreshed"


def test_a_touched_file_is_no_change(tmp_path: Path) -> None:
    """Another time of change with the same rows is noted, and nobody is told."""
    job = daily_job(tmp_path)
    ingest(job)
    os.utime(model_folder(tmp_path) / "2026-01-01.csv", (1, 1))
    assert counts_of(ingest(job)).notices == []


def test_a_day_that_may_still_change_is_read_again_at_once(tmp_path: Path) -> None:
    """A corrected file counts within `restate`, also for the same `as_of`; fewer rows are told of."""
    job = daily(tmp_path, [], restate="9d")
    ingest(run_of(job, "first"))
    truncate_file(tmp_path)
    dataset = ingest(run_of(job, "second"))
    assert (dataset.rows, dataset.partitions_read) == (50, 1)
    assert counts_of(dataset).notices == [
        "2026-01-01 has fewer rows than before: 20, now 10 (restated)"
    ]


def test_days_to_read_again_are_of_the_window(tmp_path: Path) -> None:
    """Others are refused with the window's days."""
    job = daily_job(tmp_path)
    with pytest.raises(TerminalError, match="not all of the run's window") as caught:
        ingest(run_of(job, "first", "2026-01-02..2026-01-05"))
    assert str(caught.value.allowed).startswith("2026-01-01..2026-01-03")


def test_a_row_with_a_list_beside_a_bad_row_is_put_aside(tmp_path: Path) -> None:
    """Columns of any type that nobody declared do not stop the quarantine."""
    job = write_model(tmp_path, source={"path": "all.parquet", "format": "parquet"})
    frame = pl.DataFrame(
        {
            "at": ["2026-01-01 05:00"] * 30,
            "id": [None, *range(29)],
            "city": "rome",
            "minutes": 1.0,
            "tags": [["a", "b"]] * 30,
            "raw": [b"\xff\x00"] * 30,
            "parts": [{"x": 1}] * 30,
        }
    ).with_columns(took=pl.duration(hours=1))
    frame.write_parquet(model_folder(tmp_path) / "all.parquet")
    result: Ingested = ingest_window(job)
    assert (result.message, result.rows.height) == ("", 29)
    assert '["a", "b"]' in result.quarantine["row"][0].replace("\\", "")
