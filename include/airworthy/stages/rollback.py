"""Rollback: gives all traffic back to the last good version, checks its answers, records it all.

Every check that can fail runs before anything moves. Then, in this order: the ledger records the
start, the end of a rollout, the move, and, when every live model server answers with the version,
the end. The retry of a run that was stopped in between completes it: each step is done once, or
changes nothing.

During a rollout the champion is the last good version: the start alone takes the traffic from its
challenger, and no alias moves.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from airworthy.errors import SupersededError, TerminalError
from airworthy.handover import Rollback, RollbackRequest
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, RollbackCompleted
from airworthy.ledger.ledger_queries import alias_moves, ordered_times
from airworthy.ledger.registered_versions import released_digest
from airworthy.ledger.version_numbers import entries_about
from airworthy.reconciliation import require_agreement
from airworthy.registry.registry import CHAMPION, Registry, open_registry
from airworthy.registry.tags import BUNDLE_DIGEST, ROLLED_BACK, VALIDATION_STATUS
from airworthy.release.await_replicas import open_replicas
from airworthy.release.candidates import CandidateFiles, loaded_candidate
from airworthy.release.open_server import open_server
from airworthy.release.parity import largest_difference
from airworthy.release.projection import project_ledger
from airworthy.release.release_ledger import LedgerView, decide_on, view_ledger
from airworthy.release.release_record import running_rollout
from airworthy.release.rollback_plan import (
    RollbackPlan,
    completed_rollback,
    interrupted_rollback,
    plan_rollback,
)
from airworthy.serving.example_rows import example_rows
from airworthy.serving.loaded_model import LoadedModel
from airworthy.traffic import traffic_of

log = logging.getLogger("airworthy.rollback")


@dataclass(frozen=True)
class _Parity:
    """The compared rows, and their largest difference."""

    rows: pl.DataFrame
    difference: float


def rollback(job: Job, rollback_request: RollbackRequest) -> Rollback:
    """Go back to an earlier champion. A second run completes the first, or changes nothing.

    Raises:
        TerminalError: when there is no version to go back to, its files are not the registered
            ones, a model server cannot load it or answers otherwise than offline, another version
            became champion meanwhile, or the model's records disagree.
        TransientError: when MLflow, the ledger or a model server cannot be reached, or one does
            not follow.
    """
    require_agreement(job, "rollback")
    going_back = _Rollback(job, rollback_request, open_registry(job.environment), view_ledger(job))
    end = decide_on(job, going_back.run)
    project_ledger(job.environment, job.spec.model)
    completed = end.event
    log.info(
        "%s: version %s serves again instead of version %s",
        job.spec.model,
        completed.to,
        completed.from_,
    )
    return Rollback(
        model=end.model,
        from_version=completed.from_,
        to_version=completed.to,
        reason=completed.reason,
        started_by=completed.started_by,
        parity_rows=completed.parity_rows,
        max_difference=completed.max_difference,
    )


@dataclass(frozen=True)
class _Rollback:
    job: Job
    request: RollbackRequest
    registry: Registry
    first: LedgerView

    @property
    def model(self) -> str:
        return self.job.spec.model

    def run(self, view: LedgerView) -> Entry[RollbackCompleted]:
        """Carry out the rollback, or what is left of it; return the entry of its end."""
        completed = completed_rollback(view.entries, self.job.run.run_id)
        if completed is not None:
            log.info("%s: run %s has rolled back before", self.model, self.job.run.run_id)
            return completed
        plan = self._plan(view)
        # Withdraw a challenger first: a failed check of the champion must not keep it in traffic.
        parity = None if plan.withdraws else self._check_parity(view, plan)
        started = view.decide(plan.started(), plan.started_by)
        view = self._end_rollout(view_ledger(self.job), plan, started.sequence)
        if not plan.withdraws:
            self._move(view, plan)
        self._await_servers(plan, started.sequence)
        parity = parity or self._check_parity(view, plan)
        self._require_answer(plan, parity.rows)
        return view.record(plan.completed(parity.rows.height, parity.difference))

    def _plan(self, view: LedgerView) -> RollbackPlan:
        """Return the rollback to complete, or a new one.

        Raises:
            TerminalError: when there is none, or another version became champion since this run
                looked first.
        """
        champion, run_id = view.champion, self.job.run.run_id
        interrupted = interrupted_rollback(view.entries, run_id, self.request, champion)
        if interrupted is not None:
            log.info("%s: completing the rollback of run %s", self.model, interrupted.started_by)
            return interrupted
        self._require_same_champion(view)
        rollout = view.traffic.rollout
        challenger = rollout.challenger if rollout else None
        return plan_rollback(
            view.entries, run_id, self.request, champion, self._usable(), challenger
        )

    def _require_same_champion(self, view: LedgerView) -> None:
        """Check that the champion is still the one that the request saw.

        Of two rollbacks at once, the second one does not go back from the first one's result.
        """
        seen, champion = self._seen_champion(), view.traffic
        if self.request.from_version is not None or seen == (
            champion.champion_version,
            champion.champion_entry,
        ):
            return
        raise TerminalError(
            "another version became champion since this rollback was asked for",
            model=self.model,
            stage="rollback",
            received=f"champion is version {champion.champion_version}, by entry "
            f"{champion.champion_entry} of the ledger",
            allowed=f"version {seen[0]}, the champion then",
            next_step=f"airworthy ledger {self.model}; to go back from the present champion too: "
            f"airworthy rollback {self.model} --from-version {champion.champion_version}",
        )

    def _seen_champion(self) -> tuple[str | None, int]:
        """Return the champion that the request saw, and the entry that made it champion."""
        traffic, asked = self.first.traffic, self.request.requested_at
        if asked is None:
            return traffic.champion_version, traffic.champion_entry
        times = ordered_times(self.first.entries)
        before = [entry for entry in self.first.entries if times[entry.sequence] <= asked]
        then = traffic_of(before)
        return then.champion_version, then.champion_entry

    def _usable(self) -> set[str]:
        """Return the versions that are approved and not marked as rolled back."""
        return {
            str(version.version)
            for version in self.registry.versions(self.model)
            if version.tags.get(VALIDATION_STATUS) == "approved" and ROLLED_BACK not in version.tags
        }

    def _check_parity(self, view: LedgerView, plan: RollbackPlan) -> _Parity:
        """Check the version's files, load it and compare its answers with its offline predictions.

        Raises:
            TerminalError: when files or answers are not as they were.
            TransientError: when a server does not answer.
        """
        version = plan.to_version
        digest = released_digest(view.entries, self.model, version)
        self._require_tag(version, digest)
        folder, _ = self.registry.bundle(self.model, version)
        offline = LoadedModel.load(self.model, version, folder, digest)
        rows = example_rows(self.registry, offline, "rollback")
        expected = offline.bundle.predict(rows)
        with self._loaded(view, CandidateFiles(version, digest)):
            with open_server(self.job.environment) as server:
                batch = server.predict_version(self.model, version, rows)
                # The server handles a single row by other code than a batch.
                single = server.predict_version(self.model, version, rows, chunk_rows=1)
            difference = max(
                largest_difference(batch, expected), largest_difference(single, expected)
            )
            self._require_parity(version, difference)
        return _Parity(rows, difference)

    def _require_tag(self, version: str, digest: str) -> None:
        """Check that the registry's digest is the version's digest at its release."""
        registered = self.registry.tag(self.registry.version(self.model, version), BUNDLE_DIGEST)
        if registered != digest:
            raise TerminalError(
                f"version {version} has another digest in the registry than it was released with",
                model=self.model,
                stage="rollback",
                received=f"digest {registered}",
                allowed=f"digest {digest}",
                next_step="name another version with --to-version",
            )

    @contextmanager
    def _loaded(self, view: LedgerView, files: CandidateFiles) -> Iterator[None]:
        """Let every live server have a version loaded, for the block."""
        if files.version != view.champion:
            with loaded_candidate(view, files, "rollback"):
                yield
            return
        replicas = open_replicas(self.job.environment, self.model)
        replicas.await_champion(files.version, view.traffic.champion_entry)
        yield

    def _require_parity(self, version: str, difference: float) -> None:
        tolerance = self.job.spec.release.parity.tolerance
        if difference <= tolerance:
            return
        raise TerminalError(
            f"the server answers otherwise than version {version} does offline",
            model=self.model,
            stage="rollback",
            received=f"a difference of {difference:.6g}",
            allowed=f"at most {tolerance:.6g}",
            next_step="name another version with --to-version",
        )

    def _end_rollout(self, view: LedgerView, plan: RollbackPlan, started: int) -> LedgerView:
        """Record the end of a rollout of before; return the ledger after it.

        Args:
            view: The ledger.
            plan: The rollback.
            started: The sequence number of its start. A retry leaves a later rollout alone.
        """
        rollout = view.traffic.rollout or running_rollout(view.entries)
        if rollout is None or rollout.entry > started:
            return view
        view.stop(rollout, [f"rollback {plan.started_by}: {plan.reason}"])
        return view_ledger(self.job)

    def _move(self, view: LedgerView, plan: RollbackPlan) -> None:
        """Record the version as champion, unless this rollback has done it."""
        if any(move.entry_id == plan.move_id for move in alias_moves(view.entries)):
            return
        self.registry.require_releasable(
            self.model, plan.to_version, even_if_rolled_back=plan.named
        )
        about = entries_about(view.entries, plan.to_version)
        moves = [move.event for move in alias_moves(about)]
        released = [move for move in moves if move.to == plan.to_version]
        view.decide(
            AliasMove(
                alias=CHAMPION,
                from_=plan.from_version,
                to=plan.to_version,
                reason=f"rollback {plan.started_by}: {plan.reason}",
                dataset_digest=released[-1].dataset_digest if released else None,
                bundle_digest=released_digest(view.entries, self.model, plan.to_version),
                rollback=plan.started_by,
            )
        )

    def _await_servers(self, plan: RollbackPlan, started: int) -> None:
        """Wait until the bad version has no traffic in any live server.

        Args:
            plan: The rollback.
            started: The sequence number of its start.

        Raises:
            SupersededError: when another version became champion meanwhile.
            TransientError: when a server does not follow.
        """
        view, replicas = view_ledger(self.job), open_replicas(self.job.environment, self.model)
        if view.champion != plan.to_version:
            raise SupersededError(
                "another version became champion since this rollback began",
                model=self.model,
                stage="rollback",
                received=f"champion is version {view.champion}",
                allowed=f"version {plan.to_version}",
                next_step=f"airworthy ledger {self.model}",
            )
        if plan.withdraws:
            replicas.await_end(started)
        else:
            replicas.await_champion(plan.to_version, view.traffic.champion_entry)

    def _require_answer(self, plan: RollbackPlan, rows: pl.DataFrame) -> None:
        """Check the version on the public route."""
        with open_server(self.job.environment) as server:
            response = server.predict_champion(self.model, rows)
        if response["version"] != plan.to_version:
            raise TerminalError(
                "the server answers with another version than the one rolled back to",
                model=self.model,
                stage="rollback",
                received=f"version {response['version']}",
                allowed=f"version {plan.to_version}",
                next_step="look at the model server's log",
            )
