"""Times, keys and rows without a time: input, outcome, message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.own_data.world import (
    Ingested,
    ingest_window,
    model_folder,
    write_model,
)

from airworthy.days import DAY
from airworthy.errors import TerminalError
from airworthy.job import Job
from airworthy.lake.ingestion import Ingestion
from airworthy.lake.lake import open_lake
from airworthy.lake.run_days import clipped_window
from airworthy.lake.times import guess_time_format
from airworthy.monitoring.static_rows import require_time
from airworthy.predictions.log_rows import prediction_rows
from airworthy.predictions.prediction_ids import new_request_id
from airworthy.predictions.spool import LoggedVersion
from airworthy.spec import SpecError
from airworthy.training.time_split import split_window

AT = "2026-01-02T13:45:00"
BERLIN = "Europe/Berlin"


def ingest_times(
    root: Path, texts: Sequence[object], as_of: date = date(2026, 1, 4), **ingest: Any
) -> Ingested:
    """Ingest a CSV file with these times, one row each, over the days before `as_of`."""
    frame = pl.DataFrame({"at": list(map(str, texts)), "id": range(len(texts))})
    frame.with_columns(city=pl.lit("rome"), minutes=1).write_csv(model_folder(root) / "all.csv")
    job = write_model(
        root, source={"path": "all.csv"}, ingest=ingest, as_of=as_of, start="2025-01-01"
    )
    return ingest_window(job, 3)


def moments(ingested: Ingested) -> list[str]:
    return [f"{time:%Y-%m-%dT%H:%M:%S}" for time in ingested.rows["at"]]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2026-01-02 13:45", None),
        ("2026-01-02T15:45:00+02:00", None),
        ("2026-01-02 13:45 UTC", None),
        ("2026-01-02T13:45:00.000 gmt", None),
        ("02.01.2026 13:45", "%d.%m.%Y %H:%M"),
        ("2/1/2026 13:45", "%d/%m/%Y %H:%M"),
        ("1/2/2026 1:45 PM", "%m/%d/%Y %I:%M %p"),
        ("01/02/26 13:45:00", "%m/%d/%y %H:%M:%S"),
        ("2 January 2026, 13:45", "%d %B %Y, %H:%M"),
        ("02-JAN-2026 13:45:00,000", "%d-%b-%Y %H:%M:%S,%f"),
        ("02.01.2026 15:45 +0200", "%d.%m.%Y %H:%M %z"),
        ("20260102134500", "%Y%m%d%H%M%S"),
        ("1767361500", "epoch_s"),
        ("1767361500.0", "epoch_s"),
        ("1767361500000", "epoch_ms"),
        ("1767361500000000", "epoch_us"),
        ("1767361500000000000", "epoch_ns"),
    ],
)
def test_a_time_is_read_by_the_format_of_the_spec(
    tmp_path: Path, text: str, form: str | None
) -> None:
    assert moments(ingest_times(tmp_path, [text], time_format=form)) == [AT]


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        ([1_767_361_500_000_000_000], "epoch_ns"),
        ([1_767_361_500.0], "epoch_s"),
        ([20_260_102], "%Y%m%d"),
        ([date(2026, 1, 2)], None),
        ([datetime(2026, 1, 2, 13, 45)], "epoch_s"),  # a column of times needs no format
    ],
)
def test_a_typed_column_of_times_is_read(
    tmp_path: Path, cells: list[object], form: str | None
) -> None:
    frame = pl.DataFrame({"at": cells, "id": [1], "city": ["rome"], "minutes": [1.0]})
    frame.write_parquet(model_folder(tmp_path) / "all.parquet")
    source = {"format": "parquet", "path": "all.parquet"}
    ingested = ingest_window(write_model(tmp_path, source=source, ingest={"time_format": form}))
    assert ingested.message == ""
    assert str(ingested.rows["at"].dt.date()[0]) == "2026-01-02"


@pytest.mark.parametrize(
    ("texts", "received", "next_step"),
    [
        (["03/04/2025", "05/06/2025"], "03/04/2025", "'%d/%m/%Y' or '%m/%d/%Y'"),
        (["2025-W02", "2026-W53"], "2025-W02", "time_format: '%G-W%V' into"),
        (["13.04.2025 10:00"] * 2, "13.04.2025 10:00", "time_format: '%d.%m.%Y %H:%M' into"),
        (["1767361500000"] * 2, "1767361500000", "time_format: 'epoch_ms'"),
        (["1767361500"] * 2, "1767361500", "time_format: 'epoch_s'"),
        (["1/2/26 1:45 PM", "1/13/26 1:45 PM"], "1:45 PM", "'%m/%d/%y %I:%M %p'"),
        (["soon", "later"], "soon", "write the format into ingest.time_format"),
    ],
)
def test_a_time_of_no_known_format_is_never_guessed(
    tmp_path: Path, texts: list[str], received: str, next_step: str
) -> None:
    message = ingest_times(tmp_path, texts).message
    assert received in message
    assert next_step in message


def test_an_integer_time_without_an_epoch_is_refused_with_the_probable_key(tmp_path: Path) -> None:
    frame = pl.DataFrame({"at": [1_767_361_500_000, 1_767_361_600_000], "id": [1, 2]})
    frame.with_columns(city=pl.lit("rome"), minutes=1.0).write_parquet(
        model_folder(tmp_path) / "2026-01-02.parquet"
    )
    source = {"format": "parquet", "path": "{yyyy}-{mm}-{dd}.parquet"}
    message = ingest_window(write_model(tmp_path, source=source)).message
    assert "1767361500000" in message
    assert "ingest.time_format: 'epoch_ms'" in message


def test_a_datetime_column_has_a_format_of_its_own(tmp_path: Path) -> None:
    text = "at,id,booked,minutes\n2026-01-02 13:45,1,31.12.2025 10:00,1\n"
    (model_folder(tmp_path) / "all.csv").write_text(text)
    columns = {"id": "int", "booked": "datetime", "minutes": "float"}
    forms = {"time_format": {"booked": "%d.%m.%Y %H:%M"}, "time_zone": BERLIN}
    job = write_model(tmp_path, source={"path": "all.csv"}, columns=columns, ingest=forms)
    rows = ingest_window(job).rows
    assert rows["booked"][0] == datetime(2025, 12, 31, 9, tzinfo=UTC)
    assert rows["at"][0] == datetime(2026, 1, 2, 12, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"time_zone": "CEST"}, "there is no such time zone"),
        ({"time_zone": "europe/berlin"}, "did you mean 'Europe/Berlin'"),
        ({"time_format": "%H:%M"}, "a time needs a year and a month"),
        ({"time_format": "%d.%m.%Y %I:%M"}, "needs %p"),
        ({"time_format": "%d.%m.%Y %Q"}, "%Q is not known here"),
        ({"time_format": {"city": "%Y-%m-%d"}}, "no column of times"),
        ({"time_format": 5}, "this is no time format"),
        ({"repeated_hour": "earliest"}, "no hour of UTC is shown twice"),
        ({"key": ["id", "id"]}, "twice in the key"),
        ({"key_inputs": ["city"]}, "this is no key column"),
        ({"static": True}, "static rows have no time to be divided by"),
        ({"static": True, "label_delay": "1d"}, "static rows have no time"),
    ],
)
def test_a_key_about_times_is_checked_with_the_spec(
    tmp_path: Path, keys: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SpecError) as caught:
        write_model(tmp_path, source={"path": "all.csv"}, ingest=keys)
    assert problem in str(caught.value)


# The clocks of Berlin skip 02:00 to 03:00 on 29 March 2026, and show it twice on 25 October 2026.
FORWARD, BACK = date(2026, 3, 30), date(2026, 10, 26)


def test_a_time_in_a_skipped_hour_goes_to_quarantine_and_says_so(tmp_path: Path) -> None:
    texts = ["2026-03-29 01:30", "2026-03-29 02:30", "2026-03-29 03:30"]
    ingested = ingest_times(tmp_path, texts, FORWARD, time_zone=BERLIN, max_bad_share=0.5)
    assert moments(ingested) == ["2026-03-29T00:30:00", "2026-03-29T01:30:00"]
    assert ingested.quarantine["reason"].to_list() == [
        "at is in an hour that the clocks of Europe/Berlin skip"
    ]


@pytest.mark.parametrize(
    ("rule", "expected", "quarantined"),
    [
        (None, ["2026-10-24T23:30:00", "2026-10-25T02:00:00"], 4),
        ("earliest", ["2026-10-24T23:30:00"] + ["00:00", "00:30"] * 2 + ["2026-10-25T02:00:00"], 0),
        ("latest", ["2026-10-24T23:30:00"] + ["01:00", "01:30"] * 2 + ["2026-10-25T02:00:00"], 0),
        (
            "order",
            ["2026-10-24T23:30:00", "00:00", "00:30", "01:00", "01:30", "2026-10-25T02:00:00"],
            0,
        ),
    ],
)
def test_a_time_that_clocks_show_twice_is_told_apart_by_declaration_only(
    tmp_path: Path, rule: str | None, expected: list[str], quarantined: int
) -> None:
    hours = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    texts = [f"2026-10-25 {hour}" for hour in hours]
    ingested = ingest_times(
        tmp_path,
        texts,
        BACK,
        time_zone=BERLIN,
        repeated_hour=rule,
        max_bad_share=0.9,
        key=[],
    )
    days = [text if "T" in text else f"2026-10-25T{text}:00" for text in expected]
    assert sorted(moments(ingested)) == sorted(days)
    assert ingested.quarantine.height == quarantined
    if quarantined:
        assert "ingest.repeated_hour tells which" in ingested.quarantine["reason"][0]


def test_repeated_hours_stop_a_run_of_half_hours_and_name_the_key(tmp_path: Path) -> None:
    texts = [f"2026-10-25 {n // 2:02}:{n % 2 * 30:02}" for n in range(3, 48)]
    message = ingest_times(tmp_path, [*texts, texts[1], texts[2]], BACK, time_zone=BERLIN).message
    assert "too many rows of 2026-10-25" in message
    assert "ingest.repeated_hour" in message


def test_daily_files_of_a_zone_give_each_row_to_its_day_once(tmp_path: Path) -> None:
    """A UTC day takes its hours from two files; the newest one is read when both are there."""
    for day in (1, 2, 3):
        lines = [f"2026-01-{day:02} {hour:02}:00,{day * 100 + hour},rome,1" for hour in range(24)]
        path = model_folder(tmp_path) / f"2026-01-{day:02}.csv"
        path.write_text("\n".join(["at,id,city,minutes", *lines]))
    source = {"path": "{yyyy}-{mm}-{dd}.csv"}
    zone = {"time_zone": "America/New_York"}
    early = write_model(tmp_path, source=source, ingest=zone, as_of=date(2026, 1, 3))
    assert set(ingest_window(early).rows["at"].dt.day()) == {1}
    late = write_model(tmp_path, source=source, ingest=zone, as_of=date(2026, 1, 5))
    ingested = ingest_window(late, 4)
    # The last five hours of the third are on the fourth: the next day's run reads them.
    assert ingested.rows.height == 72 - 5
    assert ingested.rows["id"].n_unique() == ingested.rows.height
    assert ingested.quarantine.is_empty()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    zone=st.sampled_from([BERLIN, "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
    minutes=st.lists(st.integers(0, 3 * 1440 - 1), min_size=1, max_size=40),
    first=st.sampled_from([date(2026, 3, 28), date(2026, 10, 24), date(2026, 3, 7)]),
    rule=st.sampled_from([None, "earliest", "latest", "order"]),
)
def test_every_row_of_a_local_file_is_in_one_day_or_in_quarantine(
    tmp_path_factory: pytest.TempPathFactory,
    zone: str,
    minutes: list[int],
    first: date,
    rule: str | None,
) -> None:
    root = tmp_path_factory.mktemp("zone")
    midnight = datetime(first.year, first.month, first.day)
    texts = [f"{midnight + timedelta(minutes=each):%Y-%m-%d %H:%M}" for each in minutes]
    frame = pl.DataFrame({"at": texts, "id": range(len(texts))})
    frame.with_columns(city=pl.lit("rome"), minutes=1.0).write_csv(model_folder(root) / "all.csv")
    job = write_model(
        root,
        source={"path": "all.csv"},
        ingest={"time_zone": zone, "repeated_hour": rule, "max_bad_share": 1.0},
        as_of=first + timedelta(days=5),
    )
    ingested = ingest_window(job, 7)
    kept = ingested.rows["id"].to_list() if ingested.error is None else []
    bad = ingested.quarantine["row"].str.json_path_match("$.id").cast(pl.Int64).to_list()
    assert sorted([*kept, *bad]) == list(range(len(texts)))
    local = ZoneInfo(zone)
    for moment, number in zip(ingested.rows["at"], kept, strict=True) if kept else []:
        assert f"{moment.astimezone(local):%Y-%m-%d %H:%M}" == texts[number]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2026-01-31 10:00", "2026-02-01 10:00"], "iso"),
        (["31.01.2026", "01.02.2026"], "%d.%m.%Y"),
        (["01/31/2026 1:00 PM"], "%m/%d/%Y %I:%M %p"),
        (["03/04/2025"], None),
        ([1_767_361_500], "epoch_s"),
        ([1_767_361_500_000], "epoch_ms"),
        ([1_767_361_500_000_000_000], "epoch_ns"),
        ([20_260_131], "%Y%m%d"),
        ([2026, 2025], None),
        (["7", "12"], None),
        (["rome"], None),
        ([None], None),
    ],
)
def test_a_format_is_proposed_only_where_it_is_the_only_one(
    cells: list[object], expected: str | None
) -> None:
    guess = guess_time_format(pl.Series(cells, strict=False))
    assert (guess and guess.format) == expected


def write_day(root: Path, rows: Sequence[str], header: str = "at,id,city,minutes") -> None:
    (model_folder(root) / "2026-01-02.csv").write_text("\n".join([header, *rows]) + "\n")


DAILY = {"path": "{yyyy}-{mm}-{dd}.csv"}


def test_rows_without_a_key_have_their_number_within_the_day(tmp_path: Path) -> None:
    """Equal rows are two rows, a bad one leaves a gap, and no prediction reads the number."""
    row = "2026-01-02 10:00,1,rome,5"
    write_day(tmp_path, [row, "soon,1,rome,5", row, "2026-01-02 09:00,2,rome,6"])
    job = write_model(tmp_path, source=DAILY, ingest={"key": [], "max_bad_share": 0.5})
    ingested = ingest_window(job)
    assert ingested.rows["__row_number"].to_list() == [1, 3, 4]
    assert "__row_number" not in job.spec.inputs
    assert ingested.quarantine.height == 1


def test_a_restated_day_without_a_key_has_added_and_removed_rows_only(tmp_path: Path) -> None:
    job = write_model(tmp_path, source=DAILY, ingest={"key": [], "restate": "9d"})
    write_day(tmp_path, [f"2026-01-02 10:00,{n},rome,5" for n in (1, 1, 2)])
    ingest_window(job)
    write_day(tmp_path, [f"2026-01-02 10:00,{n},rome,5" for n in (1, 2, 3, 4)])
    later = write_model(
        tmp_path, source=DAILY, ingest={"key": [], "restate": "9d"}, as_of=date(2026, 1, 5)
    )
    assert ingest_window(later).rows.height == 4
    record = open_lake(job.environment, job.spec.model).partitions()["2026-01-02"]
    assert record.row_changes is not None
    assert record.row_changes.text == "2 added, 1 removed"


def test_the_event_time_may_be_a_part_of_the_key(tmp_path: Path) -> None:
    write_day(tmp_path, ["2026-01-02 10:00,1,rome,5", "2026-01-02 11:00,1,rome,6"])
    job = write_model(tmp_path, source=DAILY, ingest={"key": ["city", "at"]})
    assert ingest_window(job).rows["minutes"].to_list() == [5.0, 6.0]
    assert list(job.spec.inputs) == ["at", "id"]


def test_a_key_column_is_an_input_where_the_spec_says_so(tmp_path: Path) -> None:
    keys = {"key": ["city", "id"], "key_inputs": ["city"]}
    assert list(write_model(tmp_path, source=DAILY, ingest=keys).spec.inputs) == ["at", "city"]


def test_an_empty_text_identifies_no_row(tmp_path: Path) -> None:
    write_day(tmp_path, [f"2026-01-02 10:00,{n},{city},5" for n, city in enumerate(["", "  "])])
    job = write_model(tmp_path, source=DAILY, ingest={"key": ["city"], "max_bad_share": 1.0})
    assert ingest_window(job).quarantine["reason"].to_list() == ["null key city"] * 2


def test_weekly_rows_are_read_without_a_line_for_each_empty_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    days = [date(2025, 11, 5) + timedelta(weeks=week) for week in range(8)]
    lines = [f"{day},{n},rome,5" for n, day in enumerate(days)]
    (model_folder(tmp_path) / "all.csv").write_text("\n".join(["at,id,city,minutes", *lines]))
    job = write_model(tmp_path, source={"path": "all.csv"}, start="2025-11-01")
    with caplog.at_level("WARNING", logger="airworthy.ingest"):
        assert ingest_window(job, 60).rows.height == 8
    warnings = [record.getMessage() for record in caplog.records]
    assert [line for line in warnings if "nothing" in line] == [
        "all.csv has nothing for 52 days from 2025-11-06 to 2026-01-03"
    ]


def test_a_window_without_rows_is_told_the_days_of_the_source(tmp_path: Path) -> None:
    lines = ["2025-03-01,1,rome,5", "2025-03-09,2,rome,5"]
    (model_folder(tmp_path) / "all.csv").write_text("\n".join(["at,id,city,minutes", *lines]))
    message = ingest_window(write_model(tmp_path, source={"path": "all.csv"})).message
    assert "which has rows from 2025-03-01 to 2025-03-09" in message


STATIC = {"static": True, "event_time": "added"}
HASHED = {"split": "hash", "lookback": "5d", "holdout": "1d", "min_rows": 10}


def write_static(root: Path, numbers: Sequence[int], **ingest: Any) -> Job:
    lines = ["id,city,minutes", *(f"{number},rome,{number % 7}" for number in numbers)]
    (model_folder(root) / "all.csv").write_text("\n".join(lines))
    source = {"path": "all.csv"}
    return write_model(root, source=source, ingest=STATIC | ingest, train=HASHED)


@pytest.mark.parametrize("key", [["id"], []])
def test_static_rows_are_divided_by_a_hash_that_stays(tmp_path: Path, key: list[str]) -> None:
    """The parts have their sizes, and more rows move no row from one part to another."""
    job = write_static(tmp_path, range(2000), key=key)
    parts = _static_parts(job)
    sizes = {part: len(ids) for part, ids in parts.items()}
    assert sum(sizes.values()) == 2000
    assert sizes["holdout"] == pytest.approx(400, abs=60)
    assert sizes["tuning"] == pytest.approx(240, abs=50)
    later = _static_parts(write_static(tmp_path, [*range(5000, 5100), *range(2000)], key=key))
    assert all(ids <= later[part] for part, ids in parts.items())
    assert "added" not in job.spec.inputs
    records = open_lake(job.environment, job.spec.model).partitions()
    assert [(day, record.cause) for day, record in records.items()] == [("2026-01-01", "restated")]


def _static_parts(job: Job) -> dict[str, set[int]]:
    lake = open_lake(job.environment, job.spec.model)
    dataset = Ingestion(job, lake).ingest_window(
        clipped_window(job, job.spec.train.lookback, "run")
    )
    bounds = split_window(job.spec, dataset.window)
    moments = [bounds.start, bounds.tuning_start, bounds.holdout_start, bounds.end]
    day = bounds.start.date()
    return {
        part: set(lake.read_partition(dataset, day, *ends)["id"])
        for part, ends in zip(("learning", "tuning", "holdout"), pairwise(moments), strict=True)
    }


def test_equal_static_rows_without_a_key_are_kept(tmp_path: Path) -> None:
    job = write_static(tmp_path, [1] * 50, key=[])
    assert sum(map(len, _static_rows(job))) == 50


def _static_rows(job: Job) -> list[pl.DataFrame]:
    lake = open_lake(job.environment, job.spec.model)
    dataset = Ingestion(job, lake).ingest_window(clipped_window(job, DAY, "run"))
    return [lake.read_partition(dataset, day) for day in dataset.window.days]


def test_a_time_in_the_source_of_static_rows_is_not_replaced(tmp_path: Path) -> None:
    job = write_static(tmp_path, [1], event_time="city2")
    (model_folder(tmp_path) / "all.csv").write_text("id,city,minutes,city2\n1,rome,1,2026-01-01\n")
    with pytest.raises(TerminalError, match="static rows have no time"):
        _static_rows(job)


@pytest.mark.parametrize("command", ["backtest", "staleness", "monitor-quality"])
def test_static_rows_have_no_past_days_to_replay(tmp_path: Path, command: str) -> None:
    with pytest.raises(TerminalError, match="the rows of this model have no time"):
        require_time(write_static(tmp_path, [1]).spec, command)


def test_a_key_column_that_is_an_input_is_logged_as_both() -> None:
    head = {
        "id": new_request_id(),
        "time": datetime(2026, 1, 2, tzinfo=UTC),
        "version": "1",
        "arm": "champion",
        "key": None,
        "predictions": [5.0],
    }
    body = b'{"dataframe_records": [{"city": "rome", "id": 7, "at": "2026-01-02T10:00:00Z"}]}'
    version = LoggedVersion(inputs={"at": "datetime", "city": "category"}, task="regression")
    rows = prediction_rows(
        [orjson.dumps(head) + b"\n" + body],
        lambda _: version,
        {"city": "category", "at": "datetime", "id": "int"},
        {},
    )
    names = ("input_city", "key_city", "key_id")
    assert [rows[name][0] for name in names] == ["rome", "rome", 7]
    assert rows["input_at"][0] == rows["key_at"][0] == datetime(2026, 1, 2, 10, tzinfo=UTC)
