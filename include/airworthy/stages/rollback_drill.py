"""Rollback drill: back to the champion's predecessor and forth again in staging, timed.

The versions are loaded as candidates, which have no traffic. The ledger records the result. An
environment without a staging server has one server, which checks versions beside its champion: the
champion is loaded there already, so its way takes no loading.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from time import perf_counter

from airworthy.errors import TerminalError
from airworthy.handover import DrillResult, RollbackRequest
from airworthy.job import Job
from airworthy.ledger.events import RollbackDrill, ServerRole
from airworthy.ledger.registered_versions import released_digest
from airworthy.registry.registry import Registry, open_registry
from airworthy.registry.tags import ROLLED_BACK, VALIDATION_STATUS
from airworthy.release.await_replicas import open_replicas, staging_role
from airworthy.release.candidates import (
    CandidateFiles,
    drop_after,
    drop_candidate,
    name_candidate,
)
from airworthy.release.open_server import open_server
from airworthy.release.parity import largest_difference
from airworthy.release.release_ledger import view_ledger
from airworthy.release.rollback_plan import plan_rollback
from airworthy.serving.example_rows import example_rows
from airworthy.serving.loaded_model import LoadedModel

log = logging.getLogger("airworthy.rollback")


def rollback_drill(job: Job) -> DrillResult:
    """Rehearse a rollback in staging, and record it. A failed drill is returned, not raised.

    Args:
        job: The run.

    Raises:
        TerminalError: when there is no champion, or no version to go back to.
        TransientError: when MLflow, the ledger or a server cannot be reached, or one does not
            follow.
    """
    registry, view = open_registry(job.environment), view_ledger(job)
    request = RollbackRequest(reason="a drill")
    usable = _usable(registry, job.spec.model)
    plan = plan_rollback(view.entries, job.run.run_id, request, view.champion, usable)
    drill = _Drill(job, registry, staging_role(job.environment), plan.to_version, plan.from_version)
    drill.run()
    result = drill.result()
    view.record(RollbackDrill(server=drill.server, **result.model_dump(exclude={"model"})))
    log.info(
        "%s: a rollback drill %s: %s",
        job.spec.model,
        "passed" if result.passed else "failed",
        "; ".join(result.reasons) or f"{result.back_seconds:.2f} s, {result.forth_seconds:.2f} s",
    )
    return result


def _usable(registry: Registry, model: str) -> set[str]:
    return {
        str(version.version)
        for version in registry.versions(model)
        if version.tags.get(VALIDATION_STATUS) == "approved" and ROLLED_BACK not in version.tags
    }


@dataclass
class _Drill:
    job: Job
    registry: Registry
    server: ServerRole
    predecessor: str
    champion: str
    seconds: dict[str, float] = field(default_factory=dict)
    differences: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Go back, then forth. The champion is loaded again whatever became of its predecessor."""
        for version in (self.predecessor, self.champion):
            try:
                self._go_to(version)
            except TerminalError as error:
                self.reasons.append(error.problem)

    def result(self) -> DrillResult:
        """Return the result."""
        return DrillResult(
            model=self.job.spec.model,
            champion=self.champion,
            predecessor=self.predecessor,
            passed=not self.reasons,
            reasons=self.reasons,
            back_seconds=self.seconds.get(self.predecessor),
            forth_seconds=self.seconds.get(self.champion),
            max_difference=max(self.differences, default=None),
        )

    def _go_to(self, version: str) -> None:
        """Load a version in staging, and compare its answers with its offline predictions.

        Raises:
            TerminalError: when it cannot be loaded or answers otherwise.
        """
        model, started = self.job.spec.model, perf_counter()
        view = view_ledger(self.job)
        digest = released_digest(view.entries, model, version)
        files = CandidateFiles(version, digest)
        candidate = name_candidate(view, files, "staging", self.server)
        try:
            replicas = open_replicas(self.job.environment, model, self.server)
            replicas.await_loaded(version, digest, candidate.entry)
            self._compare(version, digest)
        except BaseException as error:
            drop_after(self.job, candidate, error)
            raise
        self.seconds[version] = perf_counter() - started
        drop_candidate(self.job, candidate)

    def _compare(self, version: str, digest: str) -> None:
        model = self.job.spec.model
        folder, _ = self.registry.bundle(model, version)
        offline = LoadedModel.load(model, version, folder, digest)
        rows = example_rows(self.registry, offline, "rollback_drill")
        with open_server(self.job.environment, self.server) as server:
            answers = server.predict_version(model, version, rows)
        difference = largest_difference(answers, offline.bundle.predict(rows))
        tolerance = self.job.spec.release.parity.tolerance
        if not difference <= tolerance:
            raise TerminalError(
                f"the staging server answers otherwise than version {version} does offline: a "
                f"difference of {difference:.6g}, at most {tolerance:.6g} allowed",
                next_step="look at the server's log before a rollback is needed",
            )
        self.differences.append(difference)
