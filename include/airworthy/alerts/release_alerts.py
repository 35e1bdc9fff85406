"""Factories of alerts about releases and rollbacks: promoted, rejected, held, rolled back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airworthy.alerts.alert import Alert
from airworthy.handover import Approval, Deployment, Rollback, Verdict
from airworthy.shown_text import as_lines, one_line

Links = Mapping[str, str]


def promoted(deployment: Deployment, run_id: str, links: Links) -> Alert:
    """Return the alert about a new champion.

    Args:
        deployment: The deployment of a promoted version.
        run_id: The run of the release.
        links: Links to the evidence.
    """
    model, version = deployment.model, deployment.version
    return Alert(
        kind="promoted",
        model=model,
        about=_of_run(version, run_id),
        severity="warning",
        title=f"{model}: version {version} is champion",
        text=one_line(deployment.reason),
        facts={"version": version, "champion before": _version(deployment.previous_version)},
        links=dict(links),
        next_step=f"nothing; to go back: airworthy rollback {model}",
    )


def rejected_by_verdict(verdict: Verdict, version: str, run_id: str, links: Links) -> Alert:
    """Return the alert about a challenger refused by its gates.

    Args:
        verdict: The verdict of the run.
        version: The registered version.
        run_id: The run.
        links: Links to the evidence.
    """
    model = verdict.model
    return Alert(
        kind="rejected",
        model=model,
        about=_of_run(version, run_id),
        severity="warning",
        title=f"{model}: version {version} is rejected by its gates, the champion stays",
        text=_lines(verdict.reasons, "the verdict gives no reason"),
        facts={"version": version, "champion": _version(verdict.champion_version)},
        links=dict(links),
        next_step=f"airworthy ledger {model} has the verdict; correct the data, the spec or the "
        "gates",
    )


def rejected_by_person(approval: Approval, run_id: str, links: Links) -> Alert:
    """Return the alert about a version that a person rejected.

    Args:
        approval: The recorded answer.
        run_id: The run that asked.
        links: Links to the evidence.
    """
    model, version = approval.model, approval.version
    return Alert(
        kind="rejected",
        model=model,
        about=_of_run(version, run_id),
        severity="warning",
        title=f"{model}: {approval.who} rejected version {version}, the champion stays",
        text=one_line(approval.comment) or "no comment was given",
        facts={"version": version, "answered": f"{approval.at:%Y-%m-%d %H:%M} UTC"},
        links=dict(links),
        next_step="nothing: a new training asks again",
    )


def held(model: str, version: str, reasons: Sequence[str], run_id: str, links: Links) -> Alert:
    """Return the alert about a release held by its blockers.

    Args:
        model: The model.
        version: The version.
        reasons: The blockers in words.
        run_id: The run of the release.
        links: Links to the evidence.
    """
    return Alert(
        kind="held",
        model=model,
        about=_of_run(version, run_id),
        severity="warning",
        title=f"{model}: the release of version {version} is held, the champion stays",
        text=_lines(reasons, "no reason was given"),
        facts={"version": version, "run": run_id},
        links=dict(links),
        next_step=f"airworthy ledger {model} has the record; remove the reasons, then train again",
    )


def rolled_back(rollback: Rollback, links: Links) -> Alert:
    """Return the alert about a rollback that is done.

    Args:
        rollback: The state of serving after it.
        links: Links to the evidence.
    """
    model, old, new = rollback.model, rollback.from_version, rollback.to_version
    return Alert(
        kind="rolled_back",
        model=model,
        about=f"version {old} {rollback.started_by}",
        severity="critical",
        title=f"{model}: version {old} is rolled back, version {new} serves",
        text=one_line(rollback.reason),
        facts={"rolled back": old, "serves": new, "run": rollback.started_by},
        links=dict(links),
        next_step=f"find out what was wrong with version {old}: it does not come back by itself",
    )


def _of_run(version: str, run_id: str) -> str:
    return f"version {version} {run_id}"


def _version(version: str | None) -> str:
    return f"version {version}" if version is not None else "none"


def _lines(reasons: Sequence[str], without: str) -> str:
    return as_lines(reasons) or without
