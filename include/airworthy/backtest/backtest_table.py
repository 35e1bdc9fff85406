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
    table = "\n".join([title, "", *markdown(rows)]) + _first_champion(backtest.reasons)
    blind = _blind(backtest)
    return "\n\n".join([table, *([blind] if blind else []), _all_metrics(backtest)])


def _all_metrics(backtest: Backtest) -> str:
    """Return one line for each of the task's metrics, over all rows."""
    arms = backtest.all_metrics
    names = dict.fromkeys(name for values in arms.values() for name in values)
    heads = {"never": "never retrained", "triggered": "when triggered"}
    heads |= {"scheduled": f"every {backtest.step}"}
    rows = [["all rows", *(heads.get(arm, arm) for arm in _COLUMNS)]]
    for name in names:
        values = {arm: metrics[name] for arm, metrics in arms.items() if name in metrics}
        rows.append([name, *_values(values)])
    return "\n".join(markdown(rows))


def _blind(backtest: Backtest) -> str:
    """Return a sentence on windows that could not be judged, when most could not."""
    windows = sum(period.windows for period in backtest.periods)
    blind = sum(period.outcomes.get("inconclusive", 0) for period in backtest.periods)
    if not windows:
        return "The monitor saw no complete window. See airworthy check."
    if 2 * blind <= windows:
        return ""
    return (
        f"Nothing could be judged in {blind} of {windows} windows: the monitor is blind. "
        "airworthy check proposes a window."
    )


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
    defined = [name for name in _COLUMNS if all(name in each for each in metrics)]
    return _values({name: fmean(each[name] for each in metrics) for name in defined})


def _count(trainings: Sequence[Training]) -> str:
    champions = sum(training.outcome == "champion" for training in trainings)
    return f"{len(trainings)} ({champions} new champions)"


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table with aligned columns; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in rows
    ]
    return [lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]]
