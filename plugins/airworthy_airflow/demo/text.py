"""The demo's texts, and its tables as plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console

from airworthy.handover import Shift, ShiftCheck
from airworthy_airflow.demo.served_quality import ServedQuality

METRICS = ("rmse", "mae")
MOST_COLUMNS = 5


def say(console: Console, text: str) -> None:
    """Print text unchanged: no markup, no colours, no line breaks by the console."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def quality_table(phases: Sequence[ServedQuality]) -> str:
    """Return one line for each phase: days, version, number of answers, metrics."""
    head = f"{'':<8}{'days':<26}{'version':>8}{'answers':>10}" + "".join(
        f"{name:>9}" for name in METRICS
    )
    return "\n".join([head, *(_quality_line(each) for each in phases)])


def _quality_line(quality: ServedQuality) -> str:
    values = [quality.metrics.get(name) for name in METRICS]
    columns = "".join(f"{'-' if value is None else f'{value:.2f}':>9}" for value in values)
    versions = ", ".join(quality.versions)
    return f"{quality.phase:<8}{quality.window!s:<26}{versions:>8}{quality.answers:>10,}{columns}"


def shift_table(check: ShiftCheck, ignored: Collection[str]) -> str:
    """Return the columns with the greatest shifts, the drifted ones first.

    Args:
        check: The check of a window against its reference.
        ignored: The columns that the spec ignores.
    """
    greatest = {shift.column: shift for shift in sorted(check.shifts, key=_excess)}
    shifts = sorted(
        greatest.values(), key=lambda shift: (shift.column not in check.drifted, -_excess(shift))
    )
    head = f"{'':<9}{'column':<26}{'aspect':<10}{'moved':>8}{'counts from':>13}{'usually':>9}{'of the gain':>13}"
    marks = dict.fromkeys(ignored, "ignored") | dict.fromkeys(check.drifted, "DRIFT")
    lines = [
        f"{marks.get(shift.column, ''):<9}{shift.column:<26}{shift.aspect:<10}{shift.effect:>8.3f}"
        f"{shift.threshold:>13.2f}{shift.natural:>9.3f}{shift.importance:>13.0%}"
        for shift in shifts[:MOST_COLUMNS]
    ]
    return "\n".join([head, *lines])


def _excess(shift: Shift) -> float:
    return shift.effect / shift.threshold
