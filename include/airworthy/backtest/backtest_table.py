"""A backtest as a Markdown table, readable on a terminal as well as in a README. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from airworthy.backtest.backtest_results import Backtest, PeriodResult
from airworthy.backtest.strategies import Training

_COLUMNS = ("never", "triggered", "scheduled", "baseline")
_MAX_REASONS = 2
_SHOWN_OUTCOMES = ("cooling_down", "circuit_open")
_TRAINING_OUTCOMES = {"champion": "new champion", "rejected": "rejected", "failed": "failed"}


def backtest_table(backtest: Backtest) -> str:
    """Return one line per period, the totals, and the number of each strategy's trainings."""
    heads = ["never retrained", "when triggered", f"every {backtest.step}", "baseline"]
    rows = [["from", "rows", *heads, "windows that fired", "what the monitor had trained"]]
    rows += [_period_row(period) for period in backtest.periods]
    rows.append(["**all rows**", f"{backtest.rows:,}", *_values(backtest.metrics), "", ""])
    rows.append(["**mean of the steps**", "", *_means(backtest.periods), "", ""])
    counts = [_count(backtest.trainings("triggered")), _count(backtest.trainings("scheduled"))]
    rows.append(["**trainings**", "", "0", *counts, "", "", ""])
    days = f"{backtest.start:%Y-%m-%d} to {backtest.end:%Y-%m-%d}"
    title = f"{backtest.model}: {backtest.metric}, {days}"
    return "\n".join([title, "", *_markdown(rows)]) + _first_champion(backtest.reasons)


def _first_champion(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    return f"\nThe gates spoke against the first champion: {'; '.join(reasons)}"


def _period_row(period: PeriodResult) -> list[str]:
    trainings = "; ".join(_training_text(training) for training in period.triggered)
    suppressed = ", ".join(
        f"{outcome.replace('_', ' ')} {count}"
        for outcome, count in period.outcomes.items()
        if outcome in _SHOWN_OUTCOMES
    )
    return [
        period.name,
        f"{period.rows:,}",
        *_values(period.metrics),
        f"{period.fired} of {period.windows}",
        "; ".join(text for text in (trainings, suppressed) if text),
    ]


def _training_text(training: Training) -> str:
    """Return a training's day, cause and outcome, with the first reasons."""
    outcome = _TRAINING_OUTCOMES[training.outcome]
    text = f"{training.as_of:%m-%d} {training.why}: {outcome}"
    shown = training.reasons[:_MAX_REASONS]
    if not shown:
        return text
    hidden = len(training.reasons) - len(shown)
    more = f" and {hidden} more" if hidden else ""
    return f"{text} ({', '.join(shown)}{more})"


def _values(metrics: Mapping[str, float]) -> list[str]:
    return [f"{metrics[name]:.4g}" if name in metrics else "-" for name in _COLUMNS]


def _means(periods: Sequence[PeriodResult]) -> list[str]:
    metrics = [period.metrics for period in periods if period.metrics]
    if not metrics:
        return _values({})
    return _values({name: fmean(each[name] for each in metrics) for name in _COLUMNS})


def _count(trainings: Sequence[Training]) -> str:
    champions = sum(training.outcome == "champion" for training in trainings)
    return f"{len(trainings)} ({champions} new champions)"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in rows
    ]
    return [lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]]
