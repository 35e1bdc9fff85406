"""Candidates: versions that model servers load beside the champion, without traffic."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from airworthy.errors import TransientError
from airworthy.handover import VersionRef
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import (
    CandidateDropped,
    CandidateNamed,
    CandidatePurpose,
    ServerRole,
)
from airworthy.ledger.registered_versions import require_registered
from airworthy.release.await_replicas import open_replicas
from airworthy.release.release_ledger import LedgerView
from airworthy.release.rollout_steps import is_own
from airworthy.traffic import Candidate
from airworthy.traffic.current_traffic import current_traffic
from airworthy.traffic.replica_report import LoadCost
from airworthy.traffic.traffic_state import candidates_before

log = logging.getLogger("airworthy.release")


@dataclass(frozen=True)
class CandidateFiles:
    """A version, and the digest of the files to load."""

    version: str
    bundle_digest: str

    @classmethod
    def of(cls, version: VersionRef) -> CandidateFiles:
        """Return the files of a registered version."""
        return cls(version.version, version.bundle_digest)


def name_candidate(
    view: LedgerView,
    files: CandidateFiles,
    purpose: CandidatePurpose,
    server: ServerRole = "production",
) -> Candidate:
    """Record that the servers of a role are to load a version; return the candidate.

    This run's candidate for the same purpose is returned when it is still named. Only files that
    the ledger registered are named: servers load what is named.

    Args:
        view: The ledger, for the run that needs it.
        files: The version.
        purpose: The action that needs it.
        server: The role.

    Raises:
        TerminalError: when the ledger did not register the version with these files.
        TransientError: when the ledger cannot be reached.
    """
    run_id, model = view.job.run.run_id, view.job.spec.model
    require_registered(view.entries, model, files.version, files.bundle_digest)
    named = view.traffic.candidate(run_id, files.version, purpose)
    if named and (named.bundle_digest, named.server) == (files.bundle_digest, server):
        return named
    event = CandidateNamed(
        version=files.version,
        purpose=purpose,
        bundle_digest=files.bundle_digest,
        server=server,
        named_before=candidates_before(view.entries),
    )
    entry = view.record(event)
    return Candidate(
        files.version, files.bundle_digest, server, purpose, run_id, entry=entry.sequence
    )


def drop_candidate(job: Job, candidate: Candidate, reasons: Sequence[str] = ()) -> None:
    """Record that a candidate is not needed any more. A dropped one is not dropped again.

    Args:
        job: The run.
        candidate: The candidate.
        reasons: The reasons, when something failed.

    Raises:
        TransientError: when the ledger cannot be reached.
    """
    event = CandidateDropped(
        version=candidate.version,
        purpose=candidate.purpose,
        reasons=list(reasons),
        named_by=candidate.entry,
    )
    ledger = open_ledger(job.environment, job.spec.model)
    ledger.append(
        event, run_id=job.run.run_id, who=job.run.requested_by, proved_by=job.run.requested_by_proof
    )


def drop_own_candidate(
    job: Job, version: str, purpose: CandidatePurpose, reasons: Sequence[str] = ()
) -> None:
    """Drop this run's candidate for a purpose, if it is still named.

    Args:
        job: The run.
        version: The version.
        purpose: The purpose.
        reasons: The reasons, when something failed.

    Raises:
        TransientError: when the ledger cannot be reached.
    """
    traffic = current_traffic(job.environment, job.spec.model)
    candidate = traffic.candidate(job.run.run_id, version, purpose)
    if candidate is not None:
        drop_candidate(job, candidate, reasons)


def drop_after(job: Job, candidate: Candidate, error: BaseException) -> None:
    """Drop a candidate because of an error, which the caller raises again.

    An error of this record is logged: servers forget the oldest candidates by themselves.
    """
    reason = getattr(error, "problem", None) or type(error).__name__
    try:
        drop_candidate(job, candidate, [reason])
    except TransientError as lost:
        log.warning(
            "%s: version %s stays loaded for now: %s",
            job.spec.model,
            candidate.version,
            lost.problem,
        )


@contextmanager
def loaded_candidate(
    view: LedgerView, files: CandidateFiles, purpose: CandidatePurpose
) -> Iterator[LoadCost]:
    """Let every live server of production load a version, without traffic, for the block.

    After an error in the block, the candidate is dropped. Else it stays for the decision.

    Args:
        view: The ledger, for the run that needs it.
        files: The version.
        purpose: The action that needs it.

    Raises:
        TerminalError: when a server cannot load it.
        TransientError: when no server is live, or one does not follow in time.
    """
    job, candidate = view.job, name_candidate(view, files, purpose)
    replicas = open_replicas(job.environment, job.spec.model)
    try:
        yield replicas.await_loaded(files.version, files.bundle_digest, candidate.entry)
    except BaseException as error:
        drop_after(job, candidate, error)
        raise


def load_for_release(view: LedgerView, files: CandidateFiles) -> None:
    """Wait until every live server of production has loaded a version that is to get traffic.

    A version under this run's rollout is loaded by the rollout's entry. Another one becomes a
    candidate.

    Args:
        view: The ledger.
        files: The version.

    Raises:
        TerminalError: when a server cannot load it.
        TransientError: when no server is live, or one does not follow in time.
    """
    job, rollout = view.job, view.traffic.rollout
    if rollout is None or not is_own(rollout, job.run.run_id, files.version):
        with loaded_candidate(view, files, "release"):
            return
    replicas = open_replicas(job.environment, job.spec.model)
    replicas.await_loaded(files.version, files.bundle_digest, rollout.entry)
