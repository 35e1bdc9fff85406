"""The result of tuning a monitor as Markdown tables, and in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.backtest.backtest_table import markdown
from airworthy.backtest.tuning_results import ArmResult, Tuning

_MAX_CANDIDATES = 12


def arm_rows(tuning: Tuning) -> list[list[str]]:
    """Return the head and a row for each arm: its losses and trainings on both parts."""
    head = ["", "trainings", "tuned on", "trainings", "held out", "settings"]
    return [head, *(_arm_row(tuning, arm) for arm in tuning.arms)]


def candidate_rows(tuning: Tuning) -> list[list[str]]:
    """Return the head and a row for each of the best candidates."""
    shown = tuning.candidates[:_MAX_CANDIDATES]
    head = ["candidate", "trainings", f"{tuning.metric} on the tuned days"]
    rows = [
        [arm.words, str(arm.tuned_trainings), _value(arm.tuned, tuning.metric)] for arm in shown
    ]
    return [head, *rows]


def metric_rows(tuning: Tuning) -> list[list[str]]:
    """Return the head and a row for each of the task's metrics, on the held-out days."""
    names = dict.fromkeys(name for arm in tuning.arms for name in arm.held_out)
    head = ["held out", *(arm.name for arm in tuning.arms)]
    return [head, *([name, *_values(tuning.arms, name)] for name in names)]


def tuning_title(tuning: Tuning) -> str:
    """Return the title: the metric, and the days of both parts."""
    return (
        f"{tuning.model}: {tuning.metric}, tuned on {tuning.start:%Y-%m-%d} to "
        f"{tuning.split:%Y-%m-%d}, held out until {tuning.end:%Y-%m-%d}"
    )


def tuning_words(tuning: Tuning) -> str:
    """Return what the search came to."""
    blind = (
        f"The present settings are blind on {tuning.rows_a_day:,.0f} rows a day.\n"
        if tuning.present_blind
        else ""
    )
    if tuning.proposal is not None:
        worse = (
            " It is worse than the present settings on the held-out days, but sees them."
            if tuning.held_out_worse
            else ""
        )
        return f"{blind}Proposed: {tuning.proposal}.{worse}"
    if tuning.held_out_worse:
        return f"{blind}The present settings stay: the best found is worse on the held-out days."
    return f"{blind}The present settings stay: nothing tried pays more."


def tuning_text(tuning: Tuning) -> str:
    """Return all tables in Markdown, and the result in words."""
    tables = (arm_rows(tuning), candidate_rows(tuning), metric_rows(tuning))
    parts = ["\n".join(markdown(rows)) for rows in tables]
    return "\n\n".join([tuning_title(tuning), *parts, tuning_words(tuning)])


def _arm_row(tuning: Tuning, arm: ArmResult) -> list[str]:
    return [
        arm.name,
        str(arm.tuned_trainings),
        _value(arm.tuned, tuning.metric),
        str(arm.trainings - arm.tuned_trainings),
        _value(arm.held_out, tuning.metric),
        arm.words,
    ]


def _values(arms: Sequence[ArmResult], name: str) -> list[str]:
    return [_value(arm.held_out, name) for arm in arms]


def _value(metrics: dict[str, float], name: str) -> str:
    return f"{metrics[name]:.4g}" if name in metrics else "-"
