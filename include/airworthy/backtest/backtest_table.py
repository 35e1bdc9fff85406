"""A backtest as a Markdown table, which is as readable on a terminal as in a README. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from airworthy.backtest.run_backtest import Backtest, PeriodFound
from airworthy.backtest.strategies import Training

_ARMS = ("never", "triggered", "scheduled", "baseline")
_MOST_REASONS = 2


def backtest_table(found: Backtest) -> str:
    """Return one line per step, the whole, and how often each arm was trained."""
    heads = {
        "never": "never retrained",
        "triggered": "when triggered",
        "scheduled": f"every {found.step}",
        "baseline": "baseline",
    }
    rows = [["from", "rows", *heads.values(), "windows that fired", "what the monitor had trained"]]
    rows += [_line(period) for period in found.periods]
    rows.append(["**all rows**", f"{found.rows:,}", *_figures(found.metrics), "", ""])
    rows.append(["**mean of the steps**", "", *_means(found.periods), "", ""])
    counts = ["0", *(_count(found.trainings(arm)) for arm in ("triggered", "scheduled")), ""]
    rows.append(["**trainings**", "", *counts, "", ""])
    last = f"{found.model}: {found.metric}, {found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}"
    against = (
        f"\nThe gates spoke against the first champion: {'; '.join(found.reasons)}"
        if found.reasons
        else ""
    )
    return "\n".join([last, "", *_markdown(rows)]) + against


def _line(period: PeriodFound) -> list[str]:
    told = "; ".join(_told(training) for training in period.triggered)
    held = ", ".join(
        f"{name.replace('_', ' ')} {n}" for name, n in period.outcomes.items() if name in _HELD
    )
    return [
        period.name,
        f"{period.rows:,}",
        *_figures(period.metrics),
        f"{period.fired} of {period.windows}",
        "; ".join(part for part in (told, held) if part),
    ]


_HELD = ("cooling_down", "circuit_open")


def _told(training: Training) -> str:
    """Return when, why, and what became of it."""
    outcome = {"champion": "new champion", "rejected": "rejected", "failed": "failed"}[
        training.outcome
    ]
    told = f"{training.as_of:%m-%d} {training.why}: {outcome}"
    shown = training.reasons[:_MOST_REASONS]
    more = (
        f" and {len(training.reasons) - len(shown)} more"
        if len(training.reasons) > len(shown)
        else ""
    )
    return f"{told} ({', '.join(shown)}{more})" if shown else told


def _figures(metrics: dict[str, float]) -> list[str]:
    return [f"{metrics[arm]:.4g}" if arm in metrics else "-" for arm in _ARMS]


def _means(periods: Sequence[PeriodFound]) -> list[str]:
    known = [period.metrics for period in periods if period.metrics]
    return _figures({arm: fmean(each[arm] for each in known) for arm in _ARMS} if known else {})


def _count(trainings: Sequence[Training]) -> str:
    taken = sum(training.outcome == "champion" for training in trainings)
    return f"{len(trainings)} ({taken} new champions)"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in rows
    ]
    return [lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]]
