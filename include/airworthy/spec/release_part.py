"""The ``release`` part of a spec: the release of a version after its gates passed.

A missing key (``null``) takes the environment's default (``include/environments/<name>.yaml``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from airworthy.spec.fields import (
    Duration,
    Part,
    Share,
    Violation,
    raise_violations,
    violation_error,
)
from airworthy.spec.schedules import Schedule
from airworthy.spec.waivers import Waiver, waiver_violations

ApprovalRule = Literal["required", "auto"]
Limit = Literal["guard", "latency"]
DirtyTreeRule = Literal["refuse", "allow"]


class RequiredApproval(Part):
    """An approval is required."""

    by_other_than_trigger: bool = Field(
        description="Another person than the one who triggered the run must approve it.",
    )


def _approval(value: object) -> object:
    """Accept an approval rule: a union's message does not name all that is allowed."""
    rule = "by_other_than_trigger"
    if isinstance(value, dict) and set(value) == {rule} and isinstance(value[rule], bool):
        return RequiredApproval(**value)
    if value in ("required", "auto") or isinstance(value, RequiredApproval):
        return value
    allowed = f"required, auto, or {{{rule}: true}}"
    raise violation_error(Violation((), "this is no rule of approvals", value, allowed))


Approval = Annotated[
    ApprovalRule | RequiredApproval,
    BeforeValidator(_approval, json_schema_input_type=ApprovalRule | RequiredApproval),
]


def _step(value: object) -> object:
    """Accept ``shadow``, ``full`` and whole percentages: a union's message names neither."""
    percent = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 99
    if percent or value in ("shadow", "full"):
        return value
    raise violation_error(
        Violation(
            (), "this is no step of a rollout", value, "shadow, a percentage from 1 to 99, full"
        )
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
    """The allowed difference between the server's answers and the offline predictions."""

    rows: Annotated[int, Field(ge=1, le=100_000)] = 500
    tolerance: Annotated[float, Field(gt=0.0)] = 1e-5


class Budget(Part):
    """Limits on the cost of a version in the staging server; null: measured, without a limit.

    Latency has a default limit while neither `p50_ms` nor `p99_ms` is set: three times the
    champion's, and never under 250 ms (p50) and 2 s (p99); 500 ms and 4 s without a champion.
    """

    p50_ms: Positive | None = Field(
        default=None,
        description="Median latency of sequential single-row requests; null: the default limit, if "
        "p99_ms is null, too.",
    )
    p99_ms: Positive | None = Field(
        default=None,
        description="99th percentile latency of sequential single-row requests; null: the default "
        "limit, if p50_ms is null, too.",
    )
    load_seconds: Positive | None = Field(
        default=None, description="Time from the load request to the first answer."
    )
    memory_mib: Positive | None = Field(
        default=None, description="Growth of the server's memory by loading it."
    )
    size_mib: Positive | None = Field(default=None, description="Size of the model's files.")


class Guard(Part):
    """The limits of a rollout step. When one is broken, all traffic goes back to the champion."""

    error_rate: Share = Field(
        default=0.01, description="Maximum share of failed requests of the challenger."
    )
    p99_ms: Positive | None = Field(
        default=None,
        description="99th percentile latency of the challenger in the server; null: over 250 ms "
        "and three times the champion's in the same step, with a median over twice the champion's.",
    )
    max_psi: Positive = Field(
        default=0.25,
        description="Population stability index of the challenger's predictions against the "
        "champion's.",
    )
    max_loss_increase: Annotated[
        float,
        Field(
            ge=0.0,
            description="Maximum increase of the challenger's mean loss (squared error, log loss) "
            "on labelled "
            "predictions, as a share of the champion's.",
        ),
    ] = 0.2
    min_requests: Annotated[
        int,
        Field(
            ge=1,
            description="Minimum number of the challenger's requests in a step to evaluate its "
            "latency and "
            "predictions. A step with fewer still ends; the ledger lists the limits that were not "
            "evaluated.",
        ),
    ] = 100
    min_labels: Annotated[
        int,
        Field(
            ge=2,
            description="Minimum number of labels of each version in a step to compare their "
            "losses.",
        ),
    ] = 100


def _default_rollout() -> list[RolloutStep]:
    return ["shadow", 10, 50, "full"]


class ReleaseDefaults(Part):
    """An environment's defaults for keys missing in a spec's ``release``.

    `dirty_trees` is the environment's alone: it may refuse versions made of uncommitted files.
    """

    approval: Approval = "required"
    approval_timeout: Duration = timedelta(days=1)
    rollout: list[RolloutStep] = Field(default_factory=_default_rollout)
    bake: Duration = timedelta(minutes=10)
    dirty_trees: DirtyTreeRule = "refuse"
    watch: Duration | None = timedelta(days=1)

    @model_validator(mode="after")
    def _rollout_grows(self) -> ReleaseDefaults:
        raise_violations(rollout_step_violations(self.rollout))
        return self


class ReleaseWaiver(Waiver):
    """A limit that stops no release: it is measured, and told as waived."""

    limit: Limit = Field(
        description="guard: no limit of a rollout step. latency: no default limit in staging."
    )

    @property
    def rule(self) -> str:
        """The limit."""
        return self.limit


class Release(Part):
    """The release of a version after its gates passed."""

    parity: Parity = Parity()
    budget: Budget = Budget()
    approval: Approval | None = Field(
        default=None,
        description="A person must approve it (required), or nobody (auto); "
        "by_other_than_trigger: another person than the one who triggered the run.",
    )
    approvers: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=list,
        description="Airflow users allowed to approve it; empty: all with the right to approve.",
    )
    approval_timeout: Annotated[
        Duration | None,
        Field(description="Maximum wait for an approval; no answer counts as a rejection."),
    ] = None
    rollout: list[RolloutStep] | None = Field(
        default=None,
        description="The steps to all of the traffic: shadow, percentages, full.",
        examples=[["shadow", 10, 50, "full"], ["full"]],
    )
    bake: Annotated[Duration | None, Field(description="Duration of each step before full.")] = None
    watch: Annotated[
        Duration | None,
        Field(
            description="Time after full in which the guard goes on watching the new champion; "
            "null: not watched. A missing key takes the environment's default.",
            json_schema_extra={"examples": ["1d", "6h"]},
        ),
    ] = None
    drill: Schedule | None = Field(
        default=None,
        description="Cron expression of the rollback drill in UTC: back and forth in staging; "
        "null: only by hand.",
        examples=["@weekly"],
    )
    guard: Guard = Guard()
    waive: list[ReleaseWaiver] = Field(
        default_factory=list, description="Limits that stop no release."
    )

    @model_validator(mode="after")
    def _rollout_grows(self) -> Release:
        raise_violations(rollout_step_violations(self.rollout or ["full"]))
        return self

    @model_validator(mode="after")
    def _waivers_fit(self) -> Release:
        raise_violations([*waiver_violations(self.waive), *self._waived_own_limits()])
        return self

    def _waived_own_limits(self) -> Iterator[Violation]:
        """Yield the violation of: a latency limit of the spec itself is removed, not waived."""
        own = [key for key in ("p50_ms", "p99_ms") if getattr(self.budget, key) is not None]
        for index, waiver in enumerate(self.waive):
            if waiver.rule == "latency" and own:
                problem = "the spec sets this limit itself"
                allowed = f"remove release.budget.{own[0]}, or this waiver"
                yield Violation(("waive", index, "limit"), problem, "latency", allowed)


def rollout_step_violations(steps: list[RolloutStep]) -> list[Violation]:
    """Return a rollout's violations of: ``shadow`` only first, growing shares, ``full`` last."""
    allowed = "shadow (first, if at all), percentages that grow, and full at the end"
    ranks = [{"shadow": 0, "full": 100}.get(str(step), step) for step in steps]
    if not steps or steps[-1] != "full":
        return [Violation(("rollout",), "a rollout ends with all of the traffic", steps, allowed)]
    if any(int(before) >= int(after) for before, after in pairwise(ranks)):
        return [Violation(("rollout",), "the steps of a rollout must grow", steps, allowed)]
    return []
