"""What a look at a rollout hands over, from the server's answer or from the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airworthy.handover import ArmFigures, RolloutStatus
from airworthy.ledger import Entry
from airworthy.ledger.events import RolloutEnded, RolloutStep
from airworthy.release.guard import Arm, Judgement
from airworthy.release.rollout_flags import Rollout


def arm_of(answer: dict[str, Any]) -> Arm:
    """Return an arm from what the server says of it."""
    known = {key: answer[key] for key in ArmFigures.model_fields if key in answer}
    return Arm(ArmFigures.model_validate(known), answer["predictions"])


def figures_of(said: Judgement, champion: Arm, challenger: Arm) -> dict[str, Any]:
    """Return what the ledger keeps of what was seen in a step."""
    return {
        "psi": said.psi,
        "champion_figures": champion.figures,
        "challenger_figures": challenger.figures,
    }


def baking(
    model: str,
    rollout: Rollout,
    bake: timedelta,
    seen: tuple[Arm, Arm] | None = None,
    psi: float | None = None,
) -> RolloutStatus:
    """Return the status of a step that is on; `seen` are champion and challenger, when the server has them."""
    return RolloutStatus(
        model=model,
        version=rollout.challenger,
        step=rollout.step,
        state="baking",
        since=rollout.since,
        until=rollout.since + bake,
        champion=seen[0].figures if seen else None,
        challenger=seen[1].figures if seen else None,
        psi=psi,
    )


def recorded(entry: Entry[RolloutStep | RolloutEnded]) -> RolloutStatus:
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


def follows(answer: dict[str, Any], rollout: Rollout) -> bool:
    """Return whether the server's figures are of this very step."""
    return answer["since"] is not None and datetime.fromisoformat(answer["since"]) == rollout.since
