"""Days on the command line: what is none is said, and no day is read before it is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from airworthy.cli.date_options import begin_of, end_of, end_of_data
from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.errors import TerminalError


def test_a_day_begins_and_ends_at_utc_midnights() -> None:
    assert begin_of("2026-03-20") == datetime(2026, 3, 20, tzinfo=UTC)
    assert end_of("2026-03-31") == datetime(2026, 4, 1, tzinfo=UTC)


def test_a_run_sees_complete_days() -> None:
    """Without a day, all that are over; today is the last end that may be named."""
    now = datetime.now(UTC)
    today = end_of_data(None)
    assert now - timedelta(days=1) < today <= datetime.now(UTC)
    assert today.hour == today.minute == today.second == today.microsecond == 0
    assert end_of_data(f"{today:%Y-%m-%d}") == today
    assert end_of_data("2026-03-20") == begin_of("2026-03-20")


@pytest.mark.parametrize("read", [begin_of, end_of, end_of_data])
@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-03-20T08:30", "20 March"])
def test_what_is_no_day_is_refused(read: Callable[[str], datetime], text: str) -> None:
    """The error says what was received, and how a day is written."""
    with pytest.raises(TerminalError, match="this is not a day") as refused:
        read(text)
    assert refused.value.received == text
    assert "2026-03-20" in str(refused.value.next_step)


def test_the_calendars_last_day_has_no_end() -> None:
    with pytest.raises(TerminalError, match="this is not a day"):
        end_of("9999-12-31")


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["stage", "ingest", "--model"],
        ["score"],
        ["staleness"],
        ["monitor"],
        ["monitor-quality"],
    ],
)
def test_no_command_reads_a_day_that_is_not_over(
    environment: Environment, command: list[str]
) -> None:
    """What the source has of it would count as all of it: nothing is read, and the error says how far a run may see."""
    day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    refused = CliRunner().invoke(app, [*command, "delivery_late", "--as-of", day])
    assert isinstance(refused.exception, TerminalError), refused.output
    assert "days that are not complete" in str(refused.exception)
    assert "--as-of" in str(refused.exception.next_step)
    assert not (environment.state / "lake").exists()
