"""Days on the command line: a bad day is an error, and no unfinished day is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from airworthy.cli.date_options import parse_as_of, parse_day, parse_day_end
from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.errors import TerminalError


def test_a_day_begins_and_ends_at_utc_midnights() -> None:
    assert parse_day("2026-03-20") == datetime(2026, 3, 20, tzinfo=UTC)
    assert parse_day_end("2026-03-31") == datetime(2026, 4, 1, tzinfo=UTC)


def test_a_run_sees_complete_days() -> None:
    """Without a day, a run sees all complete ones; today is the last possible end."""
    now = datetime.now(UTC)
    today = parse_as_of(None)
    assert now - timedelta(days=1) < today <= datetime.now(UTC)
    assert today.hour == today.minute == today.second == today.microsecond == 0
    assert parse_as_of(f"{today:%Y-%m-%d}") == today
    assert parse_as_of("2026-03-20") == parse_day("2026-03-20")


@pytest.mark.parametrize("read", [parse_day, parse_day_end, parse_as_of])
@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-03-20T08:30", "20 March"])
def test_what_is_no_day_is_refused(read: Callable[[str], datetime], text: str) -> None:
    """The error has the received text, and the form of a day."""
    with pytest.raises(TerminalError, match="this is not a day") as refused:
        read(text)
    assert refused.value.received == text
    assert "2026-03-20" in str(refused.value.next_step)


def test_the_calendars_last_day_has_no_end() -> None:
    with pytest.raises(TerminalError, match="this is not a day"):
        parse_day_end("9999-12-31")


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
    """A part of a day would count as all of it: nothing is read, and the error has the last
    possible end.
    """
    day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    refused = CliRunner().invoke(app, [*command, "delivery_late", "--as-of", day])
    assert isinstance(refused.exception, TerminalError), refused.output
    assert "days that are not complete" in str(refused.exception)
    assert "--as-of" in str(refused.exception.next_step)
    assert not (environment.state / "lake").exists()
