"""Rollout: one poll of one rollout step. Begins the step, evaluates its guard, or ends it.

A poll keeps no state between calls: flags and ledger have it. After a crash, the next poll goes on.
When a rollout ends early, the flags are cleared first, and the ledger records it after.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from airworthy.handover import GuardedStep, RolloutRequest, RolloutStatus, Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.ledger.events import BEGUN, DONE, GuardTrip, RolloutEnded, RolloutStep
from airworthy.registry.registry import open_registry
from airworthy.release.blockers import current_blockers, require_same_champion
from airworthy.release.guard import evaluate_guard
from airworthy.release.open_server import open_server
from airworthy.release.release_record import rollout_blockers, rollout_end, step_name
from airworthy.release.release_rules import ReleaseRules, release_rules
from airworthy.release.rollout_flags import Rollout, clear_rollout
from airworthy.release.rollout_status import (
    baking_status,
    parse_arm,
    recorded_status,
    serves_step,
    step_figures,
)
from airworthy.release.rollout_steps import (
    AlreadyRecorded,
    Begin,
    EvaluateGuard,
    Skip,
    StepContext,
    Stop,
    Wait,
    is_own,
    next_action,
)
from airworthy.release.rollout_traffic import Traffic, own_rollout

log = logging.getLogger("airworthy.release")

# A server reads its flags twice a second. After this time without the step, it has a fault.
_FLAGS_TIMEOUT = timedelta(seconds=30)


def rollout(
    job: Job, version: VersionRef, verdict: Verdict, rollout_request: RolloutRequest
) -> RolloutStatus:
    """Poll a step of a version's rollout once. See `RolloutStatus` for the results.

    A rollout that was ended is reported, not raised: the caller fails, once all traffic is back.

    Args:
        job: The run.
        version: The version under rollout.
        verdict: The run's verdict.
        rollout_request: The step, and the reason to stop it, if any.

    Raises:
        TerminalError: when the rules have no such step, another version became champion before the
            rollout began, the version cannot be loaded, or the flags' file does not hold flags.
        TransientError: when MLflow, the ledger or the server cannot be reached.
    """
    rules, model = release_rules(job.spec, job.environment), job.spec.model
    step, stop_reason = rollout_request.step, rollout_request.stop
    rules.steps_before(step)
    own = own_rollout(job, version.version)
    if stop_reason is not None and own is not None:
        # First, as registry and server may not answer.
        clear_rollout(job.environment.flags_file, model)
    registry = open_registry(job.environment)
    with registry.release_lock(model), open_server(job.environment) as server:
        traffic = Traffic(job, registry, server)
        entries = traffic.ledger.entries()
        poll = _StepPoll(traffic, rules, version, verdict, step, entries)
        return poll.run() if stop_reason is None else poll.stop(own, stop_reason)


@dataclass(frozen=True)
class _StepPoll:
    traffic: Traffic
    rules: ReleaseRules
    version: VersionRef
    verdict: Verdict
    step: GuardedStep
    entries: list[Entry]

    @property
    def job(self) -> Job:
        return self.traffic.job

    def run(self) -> RolloutStatus:
        """Carry out the next action."""
        match next_action(self._context()):
            case AlreadyRecorded(entry):
                return self._recorded(entry)
            case Skip(reason):
                missing = [f"nothing was watched: {reason}"]
                return self._done(None, {"judged": [], "missing": missing})
            case Wait(reason):
                return self._not_begun("waiting", [reason])
            case Begin(champion, before):
                return self._begin(champion, before)
            case EvaluateGuard(rollout):
                return self._evaluate_guard(rollout)
            case Stop(rollout, reason):
                return recorded_status(self.traffic.stop(rollout, [reason]))

    def _context(self) -> StepContext:
        return StepContext(
            entries=self.entries,
            flags=self.traffic.rollout(),
            champion=self.traffic.registry.champion(self.job.spec.model),
            run_id=self.job.run.run_id,
            version=self.version.version,
            step=self.step,
            bake=self.rules.bake,
            now=datetime.now(UTC),
        )

    def stop(self, own: Rollout | None, reason: str) -> RolloutStatus:
        """End this run's rollout on its caller's request, unless it never began or has ended."""
        end = rollout_end(self.entries, self.job.run.run_id, self.version.version)
        if end is not None:
            return self._recorded(end)
        if own is None:
            return self._not_begun("tripped", [reason])
        return recorded_status(self.traffic.stop(own, [reason]))

    def _recorded(self, entry: Entry[RolloutStep | RolloutEnded]) -> RolloutStatus:
        """Return the recorded status. Completes the end that an earlier poll was cut off in."""
        status = recorded_status(entry)
        if status.state == "tripped" and self.traffic.rollout() is None:
            self.traffic.withdraw(self.version.version)
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
        """Begin the step, unless there are blockers."""
        require_same_champion(self.job, self.verdict, champion)
        blockers = self._blockers()
        own = before is not None and is_own(before, self.job.run.run_id, self.version.version)
        if blockers and not own:
            return self._not_begun("held", blockers)
        if before is not None and (blockers or not own):
            reasons = blockers if own else ["the run that began it watches it no more"]
            end = self.traffic.stop(before, reasons)
            if own:
                return recorded_status(end)
        return self._start(champion)

    def _start(self, champion: str) -> RolloutStatus:
        begun = self.traffic.start_step(champion, self.version.version, self.step)
        self._record(BEGUN, begun, {"until": begun.since + self.rules.bake})
        log.info(
            "%s: version %s begins its step %s",
            self.job.spec.model,
            begun.challenger,
            step_name(self.step),
        )
        return baking_status(self.job.spec.model, begun, self.rules.bake)

    def _blockers(self) -> list[str]:
        run_id, version = self.job.run.run_id, self.version
        blockers = current_blockers(
            self.job, self.traffic.registry, self.entries, self.verdict, version
        )
        steps = self.rules.steps_before(self.step)
        blockers += rollout_blockers(
            self.entries, steps, run_id, version.version, version.bundle_digest
        )
        if self.traffic.server.rollout(self.job.spec.model)["kill_switch"]:
            blockers.append("the kill switch is on: everything goes to the champion")
        return blockers

    def _evaluate_guard(self, rollout: Rollout) -> RolloutStatus:
        """Evaluate the guard on the server's figures since the step began."""
        # A poll that was cut off between flags and ledger has not recorded the begin.
        self._record(BEGUN, rollout, {"until": rollout.since + self.rules.bake})
        model, bake = self.job.spec.model, self.rules.bake
        elapsed = datetime.now(UTC) - rollout.since
        response = self.traffic.server.rollout(model)
        if response["kill_switch"]:
            return recorded_status(self.traffic.stop(rollout, ["the kill switch was turned on"]))
        if not serves_step(response, rollout):
            if elapsed <= bake + _FLAGS_TIMEOUT:
                return baking_status(model, rollout, bake)
            flags_file = self.job.environment.flags_file
            reason = f"the model server does not follow the flags in {flags_file}"
            return recorded_status(self.traffic.stop(rollout, [reason]))
        champion, challenger = (
            parse_arm(response["arms"][role]) for role in ("champion", "challenger")
        )
        guard, classes = self.job.spec.release.guard, self.job.spec.task == "multiclass"
        result = evaluate_guard(guard, champion, challenger, classes=classes, over=elapsed >= bake)
        figures = step_figures(result, champion, challenger)
        if result.trips:
            return recorded_status(self.traffic.stop(rollout, result.trips, GuardTrip, figures))
        if elapsed < bake:
            return baking_status(model, rollout, bake, (champion, challenger), result.psi)
        evaluated = {"judged": result.evaluated, "missing": result.missing}
        return self._done(rollout, {**evaluated, **figures})

    def _done(self, rollout: Rollout | None, fields: dict[str, Any]) -> RolloutStatus:
        """Record that the step ended well. The flags stay for the next step."""
        return recorded_status(self._record(DONE, rollout, fields))

    def _record(
        self, state: Literal["begun", "done"], rollout: Rollout | None, fields: dict[str, Any]
    ) -> Entry[RolloutStep]:
        step = RolloutStep(
            version=self.version.version,
            bundle_digest=self.version.bundle_digest,
            step=self.step,
            state=state,
            champion=rollout.champion if rollout else None,
            since=rollout.since if rollout else None,
            **fields,
        )
        return self.traffic.ledger.append(
            step, run_id=self.job.run.run_id, who=self.job.run.requested_by
        )
