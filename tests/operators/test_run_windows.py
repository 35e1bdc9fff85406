"""A DAG run's window: for any run one whole UTC day ends it, and never a missing one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.days import floor_day
from airworthy.errors import TerminalError
from airworthy_airflow.windows import RunFacts, facts_of, resolve_as_of, resolve_reason

FIRST = date(2024, 1, 1)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
RUN_TYPES = [
    "scheduled",
    "backfill",
    "manual",
    "operator_triggered",
    "asset_triggered",
    "asset_materialization",
]

zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2024, 2, 1), datetime(2030, 1, 1), timezones=zones)
days = st.dates(date(2024, 1, 2), date(2030, 1, 1))


@given(moments)
def test_a_day_is_floored_to_utc_midnight_from_any_time_zone(moment: datetime) -> None:
    """The floor is a UTC midnight at most a day before the moment, wherever the clock hangs."""
    floor = floor_day(moment)
    assert (floor.hour, floor.minute, floor.second, floor.microsecond, floor.tzinfo) == (
        0,
        0,
        0,
        0,
        UTC,
    )
    assert timedelta(0) <= moment - floor < timedelta(days=1)


@given(moments, moments, st.timedeltas(timedelta(seconds=1), timedelta(days=7)))
def test_an_interval_that_is_not_empty_wins_over_run_after(
    run_after: datetime, end: datetime, length: timedelta
) -> None:
    """A scheduled or backfill run sees the data up to its own interval's end, whenever it happens
    to run.
    """
    facts = RunFacts("scheduled", run_after, interval=(end - length, end))
    assert resolve_as_of(facts, FIRST, None) == floor_day(end)


@given(moments, st.one_of(st.none(), moments))
def test_without_an_interval_the_run_sees_up_to_run_after(
    run_after: datetime, empty_at: datetime | None
) -> None:
    """API- and asset-triggered runs have no interval, cron strings give an empty one: then
    `run_after` decides.
    """
    interval = None if empty_at is None else (empty_at, empty_at)
    assert resolve_as_of(
        RunFacts("manual", run_after, interval=interval), FIRST, None
    ) == floor_day(run_after)


@given(days, moments)
def test_the_parameter_wins_over_everything(day: date, end: datetime) -> None:
    """A named day is that day, or a refusal: never another one."""
    run_after = datetime(2031, 1, 1, tzinfo=UTC)
    facts = RunFacts(
        "manual", run_after, interval=(end - timedelta(days=1), end), as_of=day.isoformat()
    )
    assert resolve_as_of(facts, FIRST, None) == datetime(day.year, day.month, day.day, tzinfo=UTC)


@given(moments, days)
def test_what_was_not_named_is_moved_back_to_the_end_of_the_data(
    run_after: datetime, last: date
) -> None:
    """A source ended years ago can be trained on by one click: no run ends after its last whole
    day.
    """
    as_of = resolve_as_of(RunFacts("manual", run_after), FIRST, last)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    assert as_of == min(floor_day(run_after), end)


@pytest.mark.parametrize(
    ("as_of", "last", "allowed"),
    [
        ("2013-01-02", date(2012, 12, 31), "2011-01-02 to 2013-01-01"),
        ("2011-01-01", date(2012, 12, 31), "2011-01-02 to 2013-01-01"),
        ("2026-03-21", None, "2011-01-02 to 2026-03-20"),
    ],
    ids=["after the data", "before the data", "in the run's future"],
)
def test_a_named_day_without_whole_data_is_refused_with_the_range(
    as_of: str, last: date | None, allowed: str
) -> None:
    """The refusal names the received day and the allowed days."""
    with pytest.raises(TerminalError) as refusal:
        resolve_as_of(RunFacts("manual", NOON, as_of=as_of), date(2011, 1, 1), last, "bike_demand")
    assert as_of in str(refusal.value.received)
    assert allowed in str(refusal.value.allowed)
    assert refusal.value.model == "bike_demand"


def test_a_run_before_the_first_data_is_refused() -> None:
    """A scheduled run before the source's first day has nothing to see, and says so."""
    with pytest.raises(TerminalError, match="no data"):
        resolve_as_of(RunFacts("scheduled", NOON), date(2026, 3, 20), None)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "20-03-2026", "0"])
def test_text_that_is_no_date_is_refused(text: str) -> None:
    """A parameter past the form (REST, CLI) is read with the same care."""
    with pytest.raises(TerminalError, match="not a date"):
        resolve_as_of(RunFacts("manual", NOON, as_of=text), FIRST, None)


def test_facts_survive_a_context_without_dates() -> None:
    """Airflow leaves the date keys out of the context of runs without a logical date."""
    run = SimpleNamespace(run_type="manual", run_after=NOON)
    assert facts_of({"dag_run": run, "params": {"as_of": None, "reason": ""}}) == RunFacts(
        "manual", NOON
    )


@pytest.mark.parametrize("run_type", RUN_TYPES)
def test_the_reason_follows_the_runs_type(run_type: str) -> None:
    """Without a parameter a run is scheduled, a backfill, due to new data, or else somebody's wish:
    manual.
    """
    reasons = {"scheduled": "scheduled", "backfill": "backfill", "asset_triggered": "new_data"}
    expected = reasons.get(run_type, "manual")
    assert resolve_reason(RunFacts(run_type, NOON)) == expected


def test_the_reason_is_what_the_caller_says_except_for_a_backfill() -> None:
    """A caller names a better reason; a backfill cannot pass for another run."""
    assert resolve_reason(RunFacts("manual", NOON, reason="api")) == "api"
    assert resolve_reason(RunFacts("scheduled", NOON, reason="drift")) == "drift"
    assert resolve_reason(RunFacts("backfill", NOON, reason="manual")) == "backfill"
    with pytest.raises(TerminalError, match="no such trigger reason"):
        resolve_reason(RunFacts("manual", NOON, reason="because"))
