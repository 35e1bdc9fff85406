"""The arm that is retrained when its monitor asks for it: the real checks and the real decision on every window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from airworthy.backtest.strategies import Service
from airworthy.days import DAY, floor_day
from airworthy.monitoring.importance import column_importance
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.retraining_rule import SIGNALS_OF_REASON
from airworthy.monitoring.simulation.walk import Step, Walk
from airworthy.monitoring.spans import Span
from airworthy.replay import Past, ReplayedModel


@dataclass(frozen=True)
class Watched:
    """One window of the monitor: its end, which signals fired, and what was decided."""

    end: datetime
    fired: tuple[str, ...]
    outcome: str


def walk_triggered(
    past: Past,
    service: Service,
    production: LakeRows,
    end: datetime,
    tell: Callable[[datetime], None],
) -> list[Watched]:
    """Walk over the monitor's windows up to `end`, and train whenever it decides so.

    Args:
        past: The model's past.
        service: The arm; its champion is watched from its own day on.
        production: The rows that the champion is watched on.
        end: Exclusive.
        tell: Is told the end of every window that is done.
    """
    found: list[Watched] = []
    walk, before = _walk(past, service.champion, production), list[Step]()
    span = walk.spans(1)[0]
    while span.end <= end:
        step = next(iter(walk.go([span], before=before, refused=service.refused)))
        before.append(step)
        found.append(Watched(span.end, _fired(step), step.decided.outcome))
        if step.decided.outcome == "retrain" and _train(service, step) == "champion":
            walk, before = _walk(past, service.champion, production), []
        tell(span.end)
        span = Span(span.end, span.end + past.spec.monitor.window)
    return found


def _train(service: Service, step: Step) -> str:
    as_of = floor_day(step.span.end)
    return service.train(as_of, _why(step)).outcome


def _fired(step: Step) -> tuple[str, ...]:
    return tuple(signal for signal, said in step.said.items() if said.outcome == "fired")


def _why(step: Step) -> str:
    """Return the decision's reason, with the columns that drifted or how much worse the champion was."""
    reason = step.decided.reason
    assert reason is not None, "only a decision to retrain asks for a reason"
    said = [
        step.said[signal]
        for signal in SIGNALS_OF_REASON[reason]
        if step.said[signal].outcome == "fired"
    ]
    columns = list(dict.fromkeys(column for each in said for column in each.columns))
    return f"{reason}: {', '.join(columns) or said[0].words.partition(' that the holdout')[0]}"


def _walk(past: Past, model: ReplayedModel, production: LakeRows) -> Walk:
    material, bounds = model.material, model.material.bounds
    champion = Champion(
        version=f"of {model.as_of:%Y-%m-%d}",
        run_id="",
        digest=model.key,
        bundle=model.bundle,
        importance=column_importance(model.bundle),
        rows=rows_of(past, model),
        learned=Span(bounds.start, bounds.holdout_start),
        holdout=Span(bounds.holdout_start, bounds.end),
    )
    return Walk(material.job.spec, champion, production, past.folder / "windows", model.as_of)


def rows_of(past: Past, model: ReplayedModel) -> LakeRows:
    """Return the very rows that a model was made from."""
    dataset = model.material.dataset
    return LakeRows(past.spec, model.material.lake, dataset.version, dataset.partitions)


def first_day_watched(past: Past, start: datetime) -> datetime:
    """Return from which day on rows are needed to watch a champion as of `start`: as recent production goes back."""
    monitor = past.spec.monitor
    back = monitor.reference + (monitor.retrain.persist.of + 1) * monitor.window
    return (start - back).replace(hour=0) - DAY
