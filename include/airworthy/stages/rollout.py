"""Rollout: one poll of one rollout step. Begins the step, evaluates its guard, or ends it.

A poll keeps no state between calls: the ledger has it. After a crash, the next poll goes on. Model
servers follow the ledger, so its entry is the beginning of a step, and its end.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from airworthy.errors import TerminalError
from airworthy.handover import GuardedStep, RolloutRequest, RolloutStatus, Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger.events import (
    BEGUN,
    DONE,
    FlagOverride,
    GuardTrip,
    RolloutStep,
)
from airworthy.reconciliation import require_agreement
from airworthy.registry.registry import open_registry
from airworthy.release.await_replicas import open_replicas, require_live
from airworthy.release.blockers import current_blockers, require_same_champion
from airworthy.release.candidates import CandidateFiles, drop_own_candidate, load_for_release
from airworthy.release.client_weights import evaluate_by_clients
from airworthy.release.guard import GuardResult, evaluate_guard, waive_guard
from airworthy.release.projection import project_ledger
from airworthy.release.release_ledger import LedgerView, decide_on
from airworthy.release.release_record import (
    rollout_blockers,
    rollout_end,
    step_name,
    unended_rollout,
)
from airworthy.release.release_rules import ReleaseRules, release_rules
from airworthy.release.rollout_flags import read_rollout
from airworthy.release.rollout_status import baking_status, recorded_status, step_figures
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
from airworthy.release.step_reports import StepReports
from airworthy.spec.waived import waived_limits
from airworthy.spec.waivers import waiver_of
from airworthy.traffic import Rollout

log = logging.getLogger("airworthy.release")

# A server follows the ledger within seconds. After this time without the step, it has a fault.
_FOLLOW_TIMEOUT = timedelta(seconds=30)


def rollout(
    job: Job, version: VersionRef, verdict: Verdict, rollout_request: RolloutRequest
) -> RolloutStatus:
    """Poll a step of a version's rollout once. See `RolloutStatus` for the results.

    A rollout that was ended is reported, not raised: the caller fails, once all traffic is back. To
    stop one, neither a model server nor the registry is needed.

    Args:
        job: The run.
        version: The version under rollout.
        verdict: The run's verdict.
        rollout_request: The step, and the reason to stop it, if any.

    Raises:
        TerminalError: when the rules have no such step, another version became champion before the
            rollout began, a model server cannot load the version, the flags' file does not hold
            flags, or the model's records disagree.
        TransientError: when MLflow or the ledger cannot be reached, or no model server reports. An
            end is recorded in the ledger all the same.
    """
    rules, step, stop = (
        release_rules(job.spec, job.environment),
        rollout_request.step,
        rollout_request.stop,
    )
    rules.steps_before(step)

    def decide(view: LedgerView) -> RolloutStatus:
        poll = _StepPoll(job, view, rules, version, verdict, step)
        return poll.run() if stop is None else poll.stop(stop)

    try:
        status = decide_on(job, decide)
    except TerminalError as error:
        drop_own_candidate(job, version.version, "release", [error.problem])
        raise
    if status.state not in ("baking", "done"):
        drop_own_candidate(job, version.version, "release", status.reasons)
    project_ledger(job.environment, job.spec.model)
    return status


@dataclass(frozen=True)
class _StepPoll:
    job: Job
    view: LedgerView
    rules: ReleaseRules
    version: VersionRef
    verdict: Verdict
    step: GuardedStep

    def run(self) -> RolloutStatus:
        """Carry out the next action."""
        match next_action(self._context()):
            case AlreadyRecorded(entry):
                return recorded_status(entry)
            case Skip(reason):
                missing = [f"nothing was watched: {reason}"]
                return self._done(None, {"judged": [], "missing": missing})
            case Wait(reason):
                return self._not_begun("waiting", [reason])
            case Begin(champion, before):
                return self._begin(champion, before)
            case EvaluateGuard(rollout):
                return self._evaluate(rollout)
            case Stop(rollout, reason):
                return recorded_status(self.view.stop(rollout, [reason]))

    def _context(self) -> StepContext:
        return StepContext(
            entries=self.view.entries,
            traffic=self.view.traffic,
            run_id=self.job.run.run_id,
            version=self.version.version,
            step=self.step,
            bake=self.rules.bake,
            now=datetime.now(UTC),
        )

    def stop(self, reason: str) -> RolloutStatus:
        """End this run's rollout on its caller's request, unless it never began or has ended."""
        entries, run_id, version = self.view.entries, self.job.run.run_id, self.version.version
        end = rollout_end(entries, run_id, version)
        if end is not None:
            return recorded_status(end)
        own = unended_rollout(entries, run_id, version)
        if own is None:
            return self._not_begun("tripped", [reason])
        return recorded_status(self.view.stop(own, [reason]))

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
        if before is not None and own and blockers:
            return recorded_status(self.view.stop(before, blockers))
        if blockers:
            return self._not_begun("held", blockers)
        require_agreement(self.job, "release")
        # Servers ask the file for a kill switch: a file that cannot be read may hide one.
        read_rollout(self.job.environment.flags_address, self.job.spec.model)
        load_for_release(self.view, CandidateFiles.of(self.version))
        if before is not None and not own:
            self.view.stop(before, ["the run that began it watches it no more"])
            return decide_on(self.job, lambda view: replace(self, view=view).run())
        return self._start(champion)

    def _start(self, champion: str) -> RolloutStatus:
        """Give the version the traffic of the step."""
        since = datetime.now(UTC)
        begun = RolloutStep(
            version=self.version.version,
            bundle_digest=self.version.bundle_digest,
            step=self.step,
            state=BEGUN,
            champion=champion,
            since=since,
            until=since + self.rules.bake,
            waivers=waived_limits(self.job.spec),
        )
        entry = self.view.decide(begun)
        log.info(
            "%s: version %s begins its step %s",
            self.job.spec.model,
            self.version.version,
            step_name(self.step),
        )
        rollout = Rollout(
            champion=champion,
            challenger=self.version.version,
            step=self.step,
            since=entry.event.since or since,
            run_id=self.job.run.run_id,
            bundle_digest=self.version.bundle_digest,
            entry=entry.sequence,
        )
        return baking_status(self.job.spec.model, rollout, self.rules.bake)

    def _blockers(self) -> list[str]:
        run_id, version, entries = self.job.run.run_id, self.version, self.view.entries
        registry = open_registry(self.job.environment)
        blockers = current_blockers(self.job, registry, entries, self.verdict, version)
        steps = self.rules.steps_before(self.step)
        blockers += rollout_blockers(entries, steps, run_id, version.version, version.bundle_digest)
        if blockers:
            return blockers
        registry.require_releasable(version.model, version.version)
        model = self.job.spec.model
        for replica in open_replicas(self.job.environment, model).live():
            report = replica.report.models.get(model)
            if report is not None and report.kill_switch:
                return ["the kill switch is on: everything goes to the champion"]
        return []

    def _evaluate(self, rollout: Rollout) -> RolloutStatus:
        """Evaluate the guard on all servers' figures since the step began."""
        model, bake = self.job.spec.model, self.rules.bake
        place = open_replicas(self.job.environment, model).reports
        reports = StepReports(place.read(), model, rollout, datetime.now(UTC))
        require_live(place, reports.replicas, model)
        self._record_overrides(reports)
        ended = self._end_without_guard(reports)
        if ended is not None:
            return recorded_status(self.view.stop(rollout, ended))
        champion, challenger = reports.arms
        over = self._is_over(reports)
        result, undecided = self._judge(reports, over)
        figures = step_figures(result, champion, challenger)
        if result.trips:
            return recorded_status(self.view.stop(rollout, result.trips, GuardTrip, figures))
        if over and undecided:
            reasons = [f"undecided: {reason}" for reason in undecided]
            return recorded_status(self.view.stop(rollout, reasons, figures=figures))
        notes = [*reports.silent, *reports.lagging, *undecided]
        if not over:
            return baking_status(model, rollout, bake, (champion, challenger), result.psi, notes)
        for words in reports.silent:
            log.warning("%s: %s", model, words)
        missing = [*result.missing, *reports.open_to_all]
        evaluated = {"judged": result.evaluated, "missing": missing}
        return self._done(rollout, {**evaluated, **figures})

    def _judge(self, reports: StepReports, over: bool) -> tuple[GuardResult, list[str]]:
        """Return the guard's result, and the reasons that only one client's requests are for.

        Of several clients none decides alone. Without a word of the others, a person decides.
        """
        release = self.job.spec.release
        classes, undecided = self.job.spec.task == "multiclass", list[str]()
        waiver = waiver_of(release.waive, "guard")
        if reports.told_apart:
            result, undecided = evaluate_by_clients(
                release.guard, *reports.client_arms, classes=classes, over=over
            )
        else:
            result = evaluate_guard(release.guard, *reports.arms, classes=classes, over=over)
        return waive_guard(result, waiver), [] if waiver else undecided

    def _is_over(self, reports: StepReports) -> bool:
        """Tell whether the step's time is over, and every live server's report covers all of it."""
        until = reports.rollout.since + self.rules.bake
        if reports.now < until or reports.lagging:
            return False
        # The store's clock stamps the reports. It may be behind this machine's clock.
        return reports.covers(until) or reports.now > until + _FOLLOW_TIMEOUT

    def _end_without_guard(self, reports: StepReports) -> list[str] | None:
        """Return the reasons to end the step before the guard is asked; None without any."""
        if reports.kill_switch:
            return ["the kill switch was turned on"]
        if reports.refusals:
            return reports.refusals
        is_late = reports.now > reports.rollout.since + self.rules.bake + _FOLLOW_TIMEOUT
        return reports.lagging if is_late and reports.lagging else None

    def _record_overrides(self, reports: StepReports) -> None:
        """Record each flag that a person set by hand in this step, once."""
        recorded = {entry.entry_id for entry in self.view.entries}
        for (flag, value), replicas in reports.overrides.items():
            event = FlagOverride(
                version=self.version.version,
                flag=flag,
                value=value,
                replicas=replicas,
                step_entry=reports.rollout.entry,
            )
            if event.entry_id(self.job.run.run_id) not in recorded:
                self.view.record(event)

    def _done(self, rollout: Rollout | None, fields: dict[str, Any]) -> RolloutStatus:
        """Record that the step ended well. The version keeps its share until the next step."""
        done = RolloutStep(
            version=self.version.version,
            bundle_digest=self.version.bundle_digest,
            step=self.step,
            state=DONE,
            champion=rollout.champion if rollout else None,
            since=rollout.since if rollout else None,
            waivers=waived_limits(self.job.spec),
            **fields,
        )
        return recorded_status(self.view.decide(done))
