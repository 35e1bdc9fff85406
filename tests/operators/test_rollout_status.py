"""A rollout's status: the time of the next poll, and the poll's lines in the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airworthy.handover import ArmFigures, RolloutStatus
from airworthy_airflow.operators.rollout_poll import (
    LONGEST_POLL_INTERVAL,
    SHORTEST_POLL_INTERVAL,
    next_poll,
    status_lines,
)

SINCE = datetime(2026, 3, 20, 8, tzinfo=UTC)


def status(**changes: Any) -> RolloutStatus:
    """Return a status with changes."""
    facts = {"model": "delivery_eta", "version": "7", "step": 10, "state": "baking", **changes}
    return RolloutStatus.model_validate(facts)


@given(
    bake=st.timedeltas(timedelta(0), timedelta(days=30)),
    passed=st.timedeltas(timedelta(0), timedelta(days=31)),
)
def test_the_next_look_is_soon_and_not_long_after_the_end(
    bake: timedelta, passed: timedelta
) -> None:
    """For any length of a step: a pause of two seconds to half a minute, without overshooting."""
    now, until = SINCE + passed, SINCE + bake
    poll = next_poll(status(since=SINCE, until=until), now)
    assert SHORTEST_POLL_INTERVAL <= poll - now <= LONGEST_POLL_INTERVAL
    assert poll <= max(until, now + SHORTEST_POLL_INTERVAL)


def test_short_steps_are_watched_closely() -> None:
    """A step of forty seconds is looked at every other second, one of hours every half minute."""
    assert next_poll(
        status(since=SINCE, until=SINCE + timedelta(seconds=40)), SINCE
    ) - SINCE == timedelta(seconds=2)
    assert (
        next_poll(status(since=SINCE, until=SINCE + timedelta(hours=4)), SINCE) - SINCE
        == LONGEST_POLL_INTERVAL
    )


def test_a_run_that_waits_for_another_looks_again() -> None:
    """Without a step there is no end to wait for."""
    assert next_poll(status(state="waiting"), SINCE) == SINCE + LONGEST_POLL_INTERVAL


def test_the_log_has_both_versions_figures_and_the_reasons() -> None:
    """The guard's figures can be read without a request to the server."""
    challenger = ArmFigures(
        version="7",
        requests=1200,
        errors=3,
        rows=1200,
        p50_ms=1.25,
        p99_ms=8.0,
        labels=40,
        mean_loss=20.5,
    )
    champion = ArmFigures(version="6", requests=10800, errors=0, rows=10800)
    lines = status_lines(
        status(state="tripped", champion=champion, challenger=challenger, psi=0.31, reasons=["PSI"])
    )
    assert lines == [
        "delivery_eta version 7, 10 %: tripped, predictions' PSI 0.310",
        "  challenger version 7: 1,200 requests, 3 errors, p50 1.2 ms, p99 8.0 ms, mean loss 20.5 over 40 labels",
        "  champion   version 6: 10,800 requests, 0 errors",
        "PSI",
    ]
