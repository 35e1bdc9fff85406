"""Rollout: one look at one step. It begins the step, or judges what was seen so far, or ends it.

A look holds nothing between calls: what it goes by is in the flags and in the ledger, so whoever looks next, after a
crash too, goes on. When a rollout ends before its time, the flags are cleared first, and then it is written down.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from airworthy.handover import RolloutRequest, RolloutStatus, Verdict, VersionRef, WatchedStep
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.ledger.events import BEGUN, DONE, GuardTrip, RolloutEnded, RolloutStep
from airworthy.registry.registry import open_registry
from airworthy.release.current_blockers import current_blockers, demand_same_champion
from airworthy.release.guard import judge
from airworthy.release.open_server import open_server
from airworthy.release.release_record import ended, not_watched, step_name
from airworthy.release.release_rules import ReleaseRules, release_rules
from airworthy.release.rollout_flags import Rollout, clear_rollout
from airworthy.release.rollout_status import arm_of, baking, figures_of, follows, recorded
from airworthy.release.rollout_steps import (
    Begin,
    Recorded,
    Situation,
    Skip,
    Stop,
    Wait,
    Watch,
    is_own,
    next_move,
)
from airworthy.release.traffic import Traffic, own_rollout

log = logging.getLogger("airworthy.release")

# A server looks at its flags twice a second; what it does not follow by then it will not follow.
_FOLLOWS_WITHIN = timedelta(seconds=30)


def rollout(
    job: Job, version: VersionRef, verdict: Verdict, rollout_request: RolloutRequest
) -> RolloutStatus:
    """Look once at a step of a version's rollout. See `RolloutStatus` for what may come of it.

    A rollout that was ended is reported, not raised: the caller fails, when all of the traffic is back.

    Raises:
        TerminalError: when the rules have no such step, another version became champion before the rollout began, the
            version cannot be loaded, or the flags' file does not hold flags.
        TransientError: when MLflow, the ledger or the server cannot be reached.
    """
    rules, model = release_rules(job.spec, job.environment), job.spec.model
    rules.steps_before(rollout_request.step)
    own = own_rollout(job, version.version)
    if rollout_request.stop is not None and own is not None:
        # Before anything that may not answer.
        clear_rollout(job.environment.flags_file, model)
    registry = open_registry(job.environment)
    with registry.releasing(model), open_server(job.environment) as server:
        traffic = Traffic(job, registry, server)
        look = _Look(
            traffic, rules, version, verdict, rollout_request.step, traffic.ledger.entries()
        )
        return look.go() if rollout_request.stop is None else look.stop(own, rollout_request.stop)


@dataclass(frozen=True)
class _Look:
    traffic: Traffic
    rules: ReleaseRules
    version: VersionRef
    verdict: Verdict
    step: WatchedStep
    entries: list[Entry]

    @property
    def job(self) -> Job:
        return self.traffic.job

    def go(self) -> RolloutStatus:
        model, run_id, number = self.job.spec.model, self.job.run.run_id, self.version.version
        champion, now = self.traffic.registry.champion(model), datetime.now(UTC)
        move = next_move(
            Situation(
                self.entries,
                self.traffic.flags(),
                champion,
                run_id,
                number,
                self.step,
                self.rules.bake,
                now,
            )
        )
        match move:
            case Recorded(entry):
                return self._recorded(entry)
            case Skip(reason):
                return self._done(
                    None, {"judged": [], "missing": [f"nothing was watched: {reason}"]}
                )
            case Wait(reason):
                return self._not_begun("waiting", [reason])
            case Begin(champion, before):
                return self._begin(champion, before)
            case Watch(rollout):
                return self._watch(rollout)
            case Stop(rollout, reason):
                return recorded(self.traffic.stop(rollout, [reason]))

    def stop(self, own: Rollout | None, reason: str) -> RolloutStatus:
        """End this run's rollout because its caller says so; one that was never begun, or has ended, stays so."""
        end = ended(self.entries, self.job.run.run_id, self.version.version)
        if end is not None:
            return self._recorded(end)
        return (
            self._not_begun("tripped", [reason])
            if own is None
            else recorded(self.traffic.stop(own, [reason]))
        )

    def _recorded(self, entry: Entry[RolloutStep | RolloutEnded]) -> RolloutStatus:
        """Report what was before; what a look that was cut off has left of an ended rollout is put away."""
        status = recorded(entry)
        if status.state == "tripped" and self.traffic.flags() is None:
            self.traffic.take_back(self.version.version)
        return status

    def _not_begun(
        self, state: Literal["waiting", "held", "tripped"], reasons: list[str]
    ) -> RolloutStatus:
        return RolloutStatus(
            model=self.job.spec.model,
            version=self.version.version,
            step=self.step,
            state=state,
            reasons=reasons,
        )

    def _begin(self, champion: str, before: Rollout | None) -> RolloutStatus:
        """Begin the step, unless something speaks against it."""
        demand_same_champion(self.job, self.verdict, champion)
        against = self._against()
        own = before is not None and is_own(before, self.job.run.run_id, self.version.version)
        if against and not own:
            return self._not_begun("held", against)
        if before is not None and (against or not own):
            end = self.traffic.stop(
                before, against if own else ["the run that began it watches it no more"]
            )
            if own:
                return recorded(end)
        begun = self.traffic.give(champion, self.version.version, self.step)
        self._record(BEGUN, begun, {"until": begun.since + self.rules.bake})
        log.info(
            "%s: version %s begins its step %s",
            self.job.spec.model,
            begun.challenger,
            step_name(self.step),
        )
        return baking(self.job.spec.model, begun, self.rules.bake)

    def _against(self) -> list[str]:
        run_id, number, digest = (
            self.job.run.run_id,
            self.version.version,
            self.version.bundle_digest,
        )
        against = current_blockers(
            self.job, self.traffic.registry, self.entries, self.verdict, self.version
        )
        against += not_watched(
            self.entries, self.rules.steps_before(self.step), run_id, number, digest
        )
        if self.traffic.server.rollout(self.job.spec.model)["kill_switch"]:
            against.append("the kill switch is on: everything goes to the champion")
        return against

    def _watch(self, rollout: Rollout) -> RolloutStatus:
        """Judge what was seen since the step began."""
        # A look that was cut off between flags and ledger has left this to the next one.
        self._record(BEGUN, rollout, {"until": rollout.since + self.rules.bake})
        model, bake, past = self.job.spec.model, self.rules.bake, datetime.now(UTC) - rollout.since
        answer = self.traffic.server.rollout(model)
        if answer["kill_switch"]:
            return recorded(self.traffic.stop(rollout, ["the kill switch was turned on"]))
        if not follows(answer, rollout):
            if past <= bake + _FOLLOWS_WITHIN:
                return baking(model, rollout, bake)
            reason = (
                f"the model server does not follow the flags in {self.job.environment.flags_file}"
            )
            return recorded(self.traffic.stop(rollout, [reason]))
        champion, challenger = (
            arm_of(answer["arms"]["champion"]),
            arm_of(answer["arms"]["challenger"]),
        )
        guard, classes = self.job.spec.release.guard, self.job.spec.task == "multiclass"
        said = judge(guard, champion, challenger, classes=classes, over=past >= bake)
        figures = figures_of(said, champion, challenger)
        if said.trips:
            return recorded(self.traffic.stop(rollout, said.trips, GuardTrip, figures))
        if past < bake:
            return baking(model, rollout, bake, (champion, challenger), said.psi)
        return self._done(rollout, {"judged": said.judged, "missing": said.missing, **figures})

    def _done(self, rollout: Rollout | None, found: dict[str, Any]) -> RolloutStatus:
        """Record that the step ended well, with what was judged and what was not; the flags stay for the next."""
        return recorded(self._record(DONE, rollout, found))

    def _record(
        self, state: Literal["begun", "done"], rollout: Rollout | None, more: dict[str, Any]
    ) -> Entry[RolloutStep]:
        step = RolloutStep(
            version=self.version.version,
            bundle_digest=self.version.bundle_digest,
            step=self.step,
            state=state,
            champion=rollout.champion if rollout else None,
            since=rollout.since if rollout else None,
            **more,
        )
        return self.traffic.ledger.append(
            step, run_id=self.job.run.run_id, who=self.job.run.requested_by
        )
