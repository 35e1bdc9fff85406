"""The demo's words: what it says, and its tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from airworthy.handover import ShiftCheck
from airworthy_airflow.demo.quality import Quality

METRICS = ("rmse", "mae")
MOST_COLUMNS = 5


def say(console: Console, text: str) -> None:
    """Print text as it is: no markup, no colours, no line breaks of the console's own."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def quality_table(found: Sequence[Quality]) -> str:
    """Return one line a phase: its days, the version that answered, how many answers, and the metrics."""
    head = f"{'':<8}{'days':<26}{'version':>8}{'answers':>10}" + "".join(f"{name:>9}" for name in METRICS)
    return "\n".join([head, *(_quality_line(each) for each in found)])


def _quality_line(quality: Quality) -> str:
    values = [quality.metrics.get(name) for name in METRICS]
    told = "".join(f"{'-' if value is None else f'{value:.2f}':>9}" for value in values)
    versions = ", ".join(quality.versions)
    return f"{quality.phase:<8}{quality.window!s:<26}{versions:>8}{quality.answers:>10,}{told}"


def shift_table(check: ShiftCheck) -> str:
    """Return the columns that had moved most, each by its greatest shift; those that count are marked."""
    worst = {shift.column: shift for shift in reversed(check.shifts)}
    shifts = sorted(worst.values(), key=lambda shift: -shift.effect / shift.threshold)[:MOST_COLUMNS]
    head = f"{'':<7}{'column':<26}{'aspect':<10}{'moved':>8}{'counts from':>13}{'usually':>9}{'of the gain':>13}"
    lines = [
        f"{'DRIFT' if shift.column in check.drifted else '':<7}{shift.column:<26}{shift.aspect:<10}{shift.effect:>8.3f}"
        f"{shift.threshold:>13.2f}{shift.natural:>9.3f}{shift.importance:>13.0%}"
        for shift in shifts
    ]
    return "\n".join([head, *lines])
