"""The picture of ``airworthy status`` and the lines of ``next``: at most 80 columns wide. Pure.

Only what needs a person has a colour; typer takes it away where the output is no terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from airworthy.model_status.model_summary import ModelSummary, Quality, TrafficShare
from airworthy.model_status.waiting import Waiting, waiting_of, waiting_things
from airworthy.shown_text import one_line

WIDTH = 80
_BAR = 9
_DRIFT = {
    "none": "none",
    "drift": "DRIFT",
    "blind": "blind",
    "not_monitored": "-",
    "not_judged_yet": "not yet",
}
_COLUMNS = (("", 1), ("model", 21), ("serves", 6), ("for", 5), ("quality (promised)", 25))
_LAST = (("drift", 7), ("traffic", _BAR))


@dataclass(frozen=True)
class Signs:
    """The characters of bars and lines."""

    champion: str
    challenger: str
    levels: str


BLOCKS = Signs("█", "░", "▁▂▃▄▅▆▇█")
ASCII = Signs("#", ".", "_.-~=+*#")


def signs_of(encoding: str | None) -> Signs:
    """Return the characters that an encoding has."""
    return BLOCKS if (encoding or "").lower().replace("-", "").startswith("utf") else ASCII


def status_lines(
    summaries: Sequence[ModelSummary], signs: Signs, now: datetime | None = None
) -> list[str]:
    """Return one line for each model, then what waits for a person.

    Args:
        summaries: The models.
        signs: The characters of the bars.
        now: The time, UTC; None: the present time.
    """
    moment = now or datetime.now(UTC)
    head = _line([name for name, _ in (*_COLUMNS, *_LAST)])
    rows = [_row(each, signs, moment) for each in summaries]
    waiting = waiting_things(summaries)
    if not waiting:
        return [head, *rows, "", "nothing waits for a person"]
    return [head, *rows, "", *waiting_lines(waiting, moment)]


def waiting_lines(waiting: Sequence[Waiting], now: datetime | None = None) -> list[str]:
    """Return what waits for a person, each with its age and the command to act.

    Args:
        waiting: The things.
        now: The time, UTC; None: the present time.
    """
    moment = now or datetime.now(UTC)
    lines: list[str] = []
    for each in waiting:
        age = f" (for {age_of(each.since, moment)})" if each.since else ""
        lines += paragraph(f"! {each.model}: {each.what}{age}", "    ", needed=True)
        lines += paragraph(f"    {each.command}", "      ")
    return lines


def _row(summary: ModelSummary, signs: Signs, now: datetime) -> str:
    state, needed = summary.state, bool(waiting_of(summary.state))
    serves = "retired" if state.retired is not None else state.champion or "-"
    cells = [
        "!" if needed else "",
        state.model,
        serves[:6],
        age_of(state.since, now) if state.champion else "-",
        quality_words(summary.quality),
        _DRIFT[summary.drift],
        traffic_bar(summary.traffic, signs, _BAR),
    ]
    line = _line(cells)
    return typer.style(line, fg=typer.colors.YELLOW, bold=True) if needed else line


def _line(cells: Sequence[str]) -> str:
    widths = [width for _, width in (*_COLUMNS, *_LAST)]
    fitted = [fit(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return " ".join(fitted).rstrip()


def fit(text: object, width: int) -> str:
    """Return a text of this width: filled with spaces, or cut with a mark at its end.

    >>> fit("bike_demand", 6), fit("taxi", 6)
    ('bike_~', 'taxi  ')
    """
    shown = one_line(text)
    return shown.ljust(width) if len(shown) <= width else f"{shown[: width - 1]}~"


def paragraph(text: object, indent: str, needed: bool = False) -> list[str]:
    """Return a text in lines of the width.

    Args:
        text: The text; line breaks in it are escaped.
        indent: The beginning of further lines.
        needed: Whether it needs a person: it gets a colour.
    """
    shown = one_line(text)
    start = shown[: len(shown) - len(shown.lstrip())]
    lines = textwrap.wrap(
        shown.strip(),
        WIDTH,
        initial_indent=start,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    if needed:
        return [typer.style(line, fg=typer.colors.YELLOW, bold=True) for line in lines]
    return lines


def quality_words(quality: Quality | None) -> str:
    """Return a figure beside its promise; ``!`` behind it: the promise is not kept."""
    if quality is None:
        return "-"
    promised = "" if quality.promised is None else f" ({quality.promised:.4g})"
    broken = " !" if quality.kept is False else ""
    return f"{quality.metric} {quality.value:.4g}{promised}{broken}"


def traffic_bar(traffic: Sequence[TrafficShare], signs: Signs, width: int) -> str:
    """Return who answers as a bar: the champion's part, then the challenger's, at least one cell.

    Args:
        traffic: The shares.
        signs: The characters.
        width: The bar's width.
    """
    if not traffic:
        return "-"
    share = sum(each.percent for each in traffic if each.role == "challenger")
    cells = round(share / 100 * width)
    cells = min(max(cells, 1), width - 1) if share else 0
    return signs.champion * (width - cells) + signs.challenger * cells


def age_of(since: str | None, now: datetime) -> str:
    """Return the time since a moment in its largest unit.

    >>> age_of("2026-03-01T00:00:00+00:00", datetime(2026, 3, 4, 5, tzinfo=UTC))
    '3 d'
    """
    if since is None:
        return "-"
    minutes = max(0, int((now - datetime.fromisoformat(since)).total_seconds() // 60))
    if minutes >= 1440:
        return f"{minutes // 1440} d"
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"
