"""The release rules of a model in an environment: the spec's values, else the environment's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import GuardedStep
from airworthy.spec import ModelSpec
from airworthy.spec.release_part import Approval, ApprovalRule, RequiredApproval, RolloutStep


@dataclass(frozen=True)
class ReleaseRules:
    """The rules of a release: approval, then the rollout steps, each but the last for `bake`.

    With `by_other_than_trigger`, the person who triggered a version's run cannot approve it.
    After the last step the guard watches the champion for `watch`; None: it does not.
    """

    approval: ApprovalRule
    approval_timeout: timedelta
    rollout: tuple[RolloutStep, ...]
    bake: timedelta
    by_other_than_trigger: bool = False
    watch: timedelta | None = None

    @property
    def guarded_steps(self) -> tuple[GuardedStep, ...]:
        """The steps before ``full``. In each, the guard compares challenger and champion."""
        return tuple(step for step in self.rollout if step != "full")

    @property
    def longest_wait(self) -> timedelta:
        """The longest time that a release waits for an approval and for its rollout steps."""
        approval = self.approval_timeout if self.approval == "required" else timedelta(0)
        return approval + len(self.guarded_steps) * self.bake

    def steps_before(self, step: GuardedStep) -> tuple[GuardedStep, ...]:
        """Return the guarded steps before this one.

        Raises:
            TerminalError: when the rollout has no such guarded step.
        """
        steps = self.guarded_steps
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
    own, default = spec.release, environment.release
    approval = own.approval or default.approval
    return ReleaseRules(
        approval="required" if isinstance(approval, RequiredApproval) else approval,
        approval_timeout=(
            default.approval_timeout if own.approval_timeout is None else own.approval_timeout
        ),
        rollout=tuple(own.rollout or default.rollout),
        bake=default.bake if own.bake is None else own.bake,
        by_other_than_trigger=_by_other_than_trigger(own.approval, default.approval),
        # Here null says something: not watched.
        watch=own.watch if "watch" in own.model_fields_set else default.watch,
    )


def _by_other_than_trigger(own: Approval | None, default: Approval) -> bool:
    """Tell whether another person must approve: a spec's `required` does not take it back."""
    if own == "auto":
        return False
    rule = own if isinstance(own, RequiredApproval) else default
    return isinstance(rule, RequiredApproval) and rule.by_other_than_trigger
