"""The ``release`` part of a spec: how a version that passed its gates takes over.

What is left out (``null``) is the environment's choice (``include/environments/<name>.yaml``).
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from airworthy.spec.fields import Duration, Part, Share, Wrong, refuse, rejection

ApprovalRule = Literal["required", "auto"]


def _step(value: object) -> object:
    """Let pass ``shadow``, ``full`` and whole percentages: a union's own message would name neither."""
    percent = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 99
    if percent or value in ("shadow", "full"):
        return value
    raise rejection(
        Wrong((), "this is no step of a rollout", value, "shadow, a percentage from 1 to 99, full")
    )


CanaryShare = Annotated[
    int, Field(ge=1, le=99, description="Percent of the requests that the challenger answers.")
]
RolloutStep = Annotated[
    Literal["shadow", "full"] | int,
    BeforeValidator(_step, json_schema_input_type=Literal["shadow", "full"] | CanaryShare),
]
Positive = Annotated[float, Field(gt=0.0)]


class Parity(Part):
    """How closely the server's answers must match the offline predictions."""

    rows: Annotated[int, Field(ge=1, le=100_000)] = 500
    tolerance: Annotated[float, Field(gt=0.0)] = 1e-5


class Budget(Part):
    """What a version may cost in the server, measured in staging; what is not named is measured and not judged."""

    p50_ms: Positive | None = Field(
        default=None, description="Of single-row requests, one after the other."
    )
    p99_ms: Positive | None = Field(
        default=None, description="Of single-row requests, one after the other."
    )
    load_seconds: Positive | None = Field(
        default=None, description="From the request to load it to its first answer."
    )
    memory_mib: Positive | None = Field(
        default=None, description="What the server's memory grows by when it loads."
    )
    size_mib: Positive | None = Field(default=None, description="Of the model's files.")


class Guard(Part):
    """What a rollout step watches; when one of these does not hold, all traffic goes back to the champion."""

    error_rate: Share = Field(default=0.01, description="Of the challenger's requests, at most.")
    p99_ms: Positive | None = Field(
        default=None, description="Of the challenger's requests, in the server."
    )
    max_psi: Positive = Field(
        default=0.25,
        description="Population stability index of the challenger's predictions against the champion's.",
    )
    max_loss_increase: Annotated[
        float,
        Field(
            ge=0.0,
            description="Of the challenger's mean loss (squared error, log loss) on labelled answers, as a share of "
            "the champion's.",
        ),
    ] = 0.2
    min_requests: Annotated[
        int,
        Field(
            ge=1,
            description="Of the challenger in a step; fewer say nothing of its latency and predictions. A step that "
            "sees fewer ends all the same, and the ledger says what was not judged.",
        ),
    ] = 100
    min_labels: Annotated[
        int,
        Field(ge=2, description="Of either version in a step; fewer say nothing of their quality."),
    ] = 100


def _careful() -> list[RolloutStep]:
    return ["shadow", 10, 50, "full"]


class ReleaseDefaults(Part):
    """How a version takes over where its spec leaves it open: the environment's choice, by default the careful one."""

    approval: ApprovalRule = "required"
    approval_timeout: Duration = timedelta(days=1)
    rollout: list[RolloutStep] = Field(default_factory=_careful)
    bake: Duration = timedelta(minutes=10)

    @model_validator(mode="after")
    def _rollout_grows(self) -> ReleaseDefaults:
        refuse(wrong_steps(self.rollout))
        return self


class Release(Part):
    """How a version that passed its gates takes over."""

    parity: Parity = Parity()
    budget: Budget = Budget()
    approval: ApprovalRule | None = Field(
        default=None, description="Whether a person must approve it."
    )
    approvers: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=list,
        description="Airflow users who may approve it; empty: all who may edit DAG runs.",
    )
    approval_timeout: Annotated[
        Duration | None,
        Field(description="How long an approval is waited for; then it counts as a rejection."),
    ] = None
    rollout: list[RolloutStep] | None = Field(
        default=None,
        description="The steps to all of the traffic: shadow, percentages, full.",
        examples=[["shadow", 10, 50, "full"], ["full"]],
    )
    bake: Annotated[
        Duration | None, Field(description="How long each step before full is watched.")
    ] = None
    guard: Guard = Guard()

    @model_validator(mode="after")
    def _rollout_grows(self) -> Release:
        refuse(wrong_steps(self.rollout or ["full"]))
        return self


def wrong_steps(steps: list[RolloutStep]) -> list[Wrong]:
    """Return what is wrong with a rollout: it begins with ``shadow`` at most once, grows, and ends with ``full``."""
    allowed = "shadow (first, if at all), percentages that grow, and full at the end"
    ranks = [{"shadow": 0, "full": 100}.get(str(step), step) for step in steps]
    if not steps or steps[-1] != "full":
        return [Wrong(("rollout",), "a rollout ends with all of the traffic", steps, allowed)]
    if any(int(before) >= int(after) for before, after in pairwise(ranks)):
        return [Wrong(("rollout",), "the steps of a rollout must grow", steps, allowed)]
    return []
