"""Deploy to production: the ledger records the new champion, and all model servers follow."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, Deployment, ParityResult, Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger.events import AliasMove
from airworthy.ledger.ledger_queries import alias_moves
from airworthy.reconciliation import require_agreement
from airworthy.registry.registry import CHAMPION, Registry, open_registry
from airworthy.release.await_replicas import open_replicas
from airworthy.release.blockers import current_blockers, require_same_champion
from airworthy.release.candidates import CandidateFiles, drop_own_candidate, load_for_release
from airworthy.release.projection import project_ledger
from airworthy.release.release_ledger import LedgerView, decide_on
from airworthy.release.release_record import rollout_blockers, unended_rollout
from airworthy.release.release_rules import release_rules

log = logging.getLogger("airworthy.release")


def deploy_production(
    job: Job, dataset: DatasetRef, verdict: Verdict, version: VersionRef, parity: ParityResult
) -> Deployment:
    """Promote an approved version without blockers.

    A second run completes the first, or changes nothing. The version is loaded by every live model
    server before the champion moves. The ledger has to prove the approval and every rollout step
    that the rules require.

    Args:
        job: The run.
        dataset: The dataset version that the version was trained on.
        verdict: The run's verdict.
        version: The version.
        parity: The result of the staging check.

    Returns:
        The deployment. With blockers, ``promoted`` is false, `reason` has them, and the champion
        has all of the traffic.

    Raises:
        TerminalError: when another version became champion after the verdict, a model server
            cannot load the version, or the model's records disagree.
        TransientError: when MLflow or the ledger cannot be reached, or a model server does not
            follow.
    """
    release = _Release(job, open_registry(job.environment), dataset, verdict, version, parity)
    try:
        deployment = decide_on(job, release.decide)
    except TerminalError as error:
        release.end_rollout([error.problem])
        raise
    # The servers follow meanwhile.
    traffic = project_ledger(job.environment, job.spec.model)
    if deployment.promoted and traffic.champion_version == version.version:
        deployment = deployment.model_copy(update={"watched_until": traffic.watched_until})
    # A later decision may have made another version champion: then servers follow that one.
    if deployment.promoted and traffic.champion_version == version.version:
        replicas = open_replicas(job.environment, job.spec.model)
        replicas.await_champion(version.version, traffic.champion_entry)
    return deployment


@dataclass(frozen=True)
class _Release:
    job: Job
    registry: Registry
    dataset: DatasetRef
    verdict: Verdict
    version: VersionRef
    parity: ParityResult

    def decide(self, view: LedgerView) -> Deployment:
        """Record the version as champion, or hold it."""
        blockers = self._blockers(view)
        if blockers:
            self.end_rollout(blockers)
            return self._held(blockers)
        reason = f"{self.job.run.reason} run {self.job.run.run_id}: verdict {self.verdict.outcome}"
        if view.champion != self.version.version:
            self._move(view, reason)
        previous = self.verdict.champion_version
        log.info(
            "%s: champion is version %s (was %s)",
            self.job.spec.model,
            self.version.version,
            previous,
        )
        return self._deployment(promoted=True, reason=reason)

    def _blockers(self, view: LedgerView) -> list[str]:
        job, version, parity = self.job, self.version, self.parity
        blockers = current_blockers(job, self.registry, view.entries, self.verdict, version)
        # A task that was killed after the move is completed, even if its rollout ended since.
        if view.champion != version.version:
            steps = release_rules(job.spec, job.environment).guarded_steps
            blockers += rollout_blockers(
                view.entries, steps, job.run.run_id, version.version, version.bundle_digest
            )
        if parity.version != version.version or not parity.matched or parity.breaches:
            blockers.append(
                "staging did not find it fit: its answers were not compared, or it costs too much"
            )
        return blockers

    def _move(self, view: LedgerView, reason: str) -> None:
        """Let all live servers load the version, then record it as champion."""
        self.registry.require_releasable(self.version.model, self.version.version)
        require_same_champion(self.job, self.verdict, view.champion)
        require_agreement(self.job, "release")
        load_for_release(view, CandidateFiles.of(self.version))
        view.decide(
            AliasMove(
                alias=CHAMPION,
                from_=view.champion,
                to=self.version.version,
                reason=reason,
                dataset_digest=self.dataset.digest,
                bundle_digest=self.version.bundle_digest,
                moves_before=len(alias_moves(view.entries)),
                **self._watch(),
            )
        )

    def _watch(self) -> dict[str, Any]:
        """Return the end of the champion's watch, and the loss that its holdout promised."""
        watch = release_rules(self.job.spec, self.job.environment).watch
        if watch is None:
            return {}
        metrics = self.verdict.metrics.get("challenger", {})
        loss = metrics.get("log_loss")
        if self.job.spec.task == "regression":
            loss = metrics["rmse"] ** 2 if "rmse" in metrics else None
        return {"watched_until": datetime.now(UTC) + watch, "holdout_loss": loss}

    def end_rollout(self, reasons: list[str]) -> None:
        """Give all traffic to the champion, and let the servers forget the version."""
        run_id, version = self.job.run.run_id, self.version.version

        def stop(view: LedgerView) -> None:
            own = unended_rollout(view.entries, run_id, version)
            if own is not None:
                view.stop(own, reasons)

        decide_on(self.job, stop)
        drop_own_candidate(self.job, version, "release", reasons)

    def _held(self, blockers: list[str]) -> Deployment:
        log.warning(
            "%s version %s is not released: %s",
            self.version.model,
            self.version.version,
            "; ".join(blockers),
        )
        return self._deployment(promoted=False, reason="; ".join(blockers))

    def _deployment(self, *, promoted: bool, reason: str) -> Deployment:
        return Deployment(
            model=self.version.model,
            version=self.version.version,
            previous_version=self.verdict.champion_version,
            promoted=promoted,
            served=promoted,
            reason=reason,
        )
