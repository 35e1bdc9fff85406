"""The status of a rollout step: built from the servers' reports or from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from airworthy.handover import RolloutStatus
from airworthy.ledger import Entry
from airworthy.ledger.events import RolloutEnded, RolloutStep
from airworthy.release.guard import Arm, GuardResult
from airworthy.traffic import Rollout


def step_figures(result: GuardResult, champion: Arm, challenger: Arm) -> dict[str, Any]:
    """Return the figures of a step that the ledger keeps.

    Args:
        result: The guard's result.
        champion: The champion's arm.
        challenger: The challenger's arm.
    """
    return {
        "psi": result.psi,
        "champion_figures": champion.figures,
        "challenger_figures": challenger.figures,
    }


def baking_status(
    model: str,
    rollout: Rollout,
    bake: timedelta,
    arms: tuple[Arm, Arm] | None = None,
    psi: float | None = None,
    notes: Sequence[str] = (),
) -> RolloutStatus:
    """Return the status of a step under way.

    Args:
        model: The model's name.
        rollout: The step.
        bake: The duration of the step.
        arms: Champion and challenger; None when no server has figures of the step yet.
        psi: The population stability index of the predictions; None when it was not evaluated.
        notes: Words about model servers that do not report, or do not follow yet.
    """
    champion, challenger = (arm.figures for arm in arms) if arms else (None, None)
    return RolloutStatus(
        model=model,
        version=rollout.challenger,
        step=rollout.step,
        state="baking",
        since=rollout.since,
        until=rollout.since + bake,
        reasons=list(notes),
        champion=champion,
        challenger=challenger,
        psi=psi,
    )


def recorded_status(entry: Entry[RolloutStep | RolloutEnded]) -> RolloutStatus:
    """Return the status that an entry records: a step that is done, or a rollout that was ended."""
    event = entry.event
    done = isinstance(event, RolloutStep)
    return RolloutStatus(
        model=entry.model,
        version=event.version,
        step=event.step,
        state="done" if done else "tripped",
        since=event.since,
        until=datetime.fromisoformat(entry.time) if event.since else None,
        reasons=event.missing if isinstance(event, RolloutStep) else event.reasons,
        champion=event.champion_figures,
        challenger=event.challenger_figures,
        psi=event.psi,
    )
