"""How a version of a model takes over in an environment: the spec's word, else the environment's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import WatchedStep
from airworthy.spec import ModelSpec
from airworthy.spec.release_part import ApprovalRule, RolloutStep


@dataclass(frozen=True)
class ReleaseRules:
    """What a release has to go through: approval, then the steps of the rollout, each but the last for `bake`."""

    approval: ApprovalRule
    approval_timeout: timedelta
    rollout: tuple[RolloutStep, ...]
    bake: timedelta

    @property
    def watched_steps(self) -> tuple[WatchedStep, ...]:
        """The steps before ``full``, in which the guard watches the challenger."""
        return tuple(step for step in self.rollout if step != "full")

    @property
    def longest_wait(self) -> timedelta:
        """How long a release may wait for a person, and for the steps of its rollout."""
        approval = self.approval_timeout if self.approval == "required" else timedelta(0)
        return approval + len(self.watched_steps) * self.bake

    def steps_before(self, step: WatchedStep) -> tuple[WatchedStep, ...]:
        """Return the watched steps that come before one of them.

        Raises:
            TerminalError: when this is no watched step.
        """
        steps = self.watched_steps
        if step not in steps:
            raise TerminalError(
                "this rollout has no such step",
                stage="release",
                received=step,
                allowed=", ".join(map(str, steps)) or "no step before full",
            )
        return steps[: steps.index(step)]


def release_rules(spec: ModelSpec, environment: Environment) -> ReleaseRules:
    """Return the rules for a model in an environment."""
    said, default = spec.release, environment.release
    return ReleaseRules(
        approval=said.approval or default.approval,
        approval_timeout=default.approval_timeout
        if said.approval_timeout is None
        else said.approval_timeout,
        rollout=tuple(said.rollout or default.rollout),
        bake=default.bake if said.bake is None else said.bake,
    )
