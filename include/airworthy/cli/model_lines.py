"""The lines of ``airworthy models``: a table, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from airworthy.shown_text import one_line
from airworthy.versions.model_state import ModelState

_HEAD = ("model", "task", "champion", "served for", "data until", "last verdict", "state")


def model_lines(states: Sequence[ModelState], now: datetime | None = None) -> list[str]:
    """Return a table with one line for each model, then what waits for a person.

    `now` is in UTC; None: the present time.
    """
    moment = now or datetime.now(UTC)
    rows = [_HEAD, *(_row(state, moment) for state in states)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    needs = [one_line(f"{state.model}: {text}") for state in states for text in state.needs]
    return [*table, *(["", *needs] if needs else [])]


def _row(state: ModelState, now: datetime) -> tuple[str, ...]:
    age = None if state.since is None else now - datetime.fromisoformat(state.since)
    verdict = state.verdict and f"{state.verdict} {(state.verdict_at or '')[:10]}"
    return (
        state.model,
        state.task or "-",
        state.champion or "-",
        "-" if age is None else _age(age.total_seconds()),
        (state.data_until or "-")[:10],
        verdict or "-",
        _words(state),
    )


def _words(state: ModelState) -> str:
    if state.retired is not None:
        return f"retired {state.retired[:10]}"
    if state.needs:
        return "needs a person"
    if state.rollout is not None:
        return f"rollout of {state.rollout}"
    return "serves" if state.champion else "no champion yet"


def _age(seconds: float) -> str:
    """Return an age in words.

    >>> _age(90_000)
    '1 d 1 h'
    """
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min"
