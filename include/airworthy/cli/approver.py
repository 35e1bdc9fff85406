"""The person who approves on the command line, and the proof of the name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from airworthy.cli.airflow_session import AirflowPerson, AirflowSession
    from airworthy.handover import ProvedBy
    from airworthy.job import Job
    from airworthy.ledger import Entry
    from airworthy.release.release_rules import ReleaseRules


@dataclass(frozen=True)
class Approver:
    """The approving person.

    `answered_run` is the run of Airflow that waited for the approval, and has it now; None: no run
    waited.
    """

    who: str
    proved_by: ProvedBy
    user: str | None = None
    answered_run: str | None = None


def approver_of(job: Job, rules: ReleaseRules, version: dict[str, Any], comment: str) -> Approver:
    """Return the person who approves a version, after a check of the rules.

    Where the rules require an approval, Airflow must have authenticated the person. If a run of
    Airflow waits for the approval of this version, it is answered there, in the person's name.

    Args:
        job: The run of the command.
        rules: The release rules.
        version: The output of the stage ``register``.
        comment: The words to record.

    Raises:
        TerminalError: when the person may not approve it.
        TransientError: when Airflow or the ledger cannot be reached.
    """
    if not comment.strip():
        raise TerminalError(
            "an approval needs some words",
            model=job.spec.model,
            received="an empty comment",
            allowed="why",
        )
    if rules.approval != "required":
        _require_approver(job, {job.run.requested_by}, job.run.requested_by)
        return Approver(job.run.requested_by, job.run.requested_by_proof)
    session = _session(job)
    person = session.person()
    _require_approver(job, {person.id, person.name}, person.who)
    return _authenticated(job, rules, session, person, version, comment)


def _authenticated(
    job: Job,
    rules: ReleaseRules,
    session: AirflowSession,
    person: AirflowPerson,
    version: dict[str, Any],
    comment: str,
) -> Approver:
    from airworthy.ledger import open_ledger

    model, dag_id = job.spec.model, f"{job.spec.model}__train"
    if not session.may_answer(dag_id):
        raise _refusal(
            job,
            person.who,
            "a user with the right to approve, such as one with the role approver",
        )
    entries = open_ledger(job.environment, model).entries()
    waiting = session.waiting_runs(dag_id)
    run_id = next((each for each in waiting if _staged(entries, each) == version["version"]), None)
    if rules.by_other_than_trigger:
        _require_other_person(job, entries, run_id or job.run.run_id, person, version["version"])
    if run_id is not None:
        person = session.approve(dag_id, run_id, comment.strip())
    return Approver(person.who, "airflow", person.name, run_id)


def _require_other_person(
    job: Job, entries: Sequence[Entry], run_id: str, person: AirflowPerson, version: str
) -> None:
    from airworthy.release.approval_record import trigger_blockers

    own = trigger_blockers(entries, run_id, version, {person.name, person.who})
    if own:
        raise TerminalError(
            own[0],
            model=job.spec.model,
            received=f"{person.who}, for version {version}",
            allowed="another person than the one who triggered its run",
            next_step="ask another person",
        )


def _staged(entries: Sequence[Entry], run_id: str) -> str | None:
    """Return the version that a run had checked in staging last: it asks for this one."""
    from airworthy.ledger.events import StagingCheck
    from airworthy.ledger.ledger_queries import of_kind

    checks = [entry.event for entry in of_kind(entries, StagingCheck) if entry.run_id == run_id]
    return checks[-1].version if checks else None


def _session(job: Job) -> AirflowSession:
    from airworthy.cli.airflow_session import AirflowSession
    from airworthy.cli.kept_tokens import kept_token

    url = (job.environment.airflow_url or "").rstrip("/")
    if not url:
        raise TerminalError(
            "the approval of this model needs a person whom Airflow has authenticated",
            model=job.spec.model,
            received=f"the environment {job.environment.name} without airflow_url",
            allowed="airflow_url: https://airflow.example.org in its file",
            next_step="add it, or approve in Airflow (Required actions)",
        )
    token = kept_token(url)
    if not token:
        raise TerminalError(
            "the approval of this model needs a person whom Airflow has authenticated",
            model=job.spec.model,
            received=f"no token for {url}",
            allowed="the token of a login",
            next_step="airworthy login, or approve in Airflow (Required actions)",
        )
    return AirflowSession(url, token)


def _require_approver(job: Job, names: set[str], who: str) -> None:
    """Check the spec's approvers: ids or names, as Airflow's auth manager takes them."""
    approvers = job.spec.release.approvers
    if approvers and names.isdisjoint(approvers):
        raise _refusal(job, who, ", ".join(approvers))


def _refusal(job: Job, who: str, allowed: str) -> TerminalError:
    return TerminalError(
        f"{who} may not approve this version",
        model=job.spec.model,
        received=who,
        allowed=allowed,
        next_step="ask one of them",
    )
