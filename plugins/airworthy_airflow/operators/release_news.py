"""The news of a release or a rollback: alerts for people, and the champion's asset event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airworthy.environment import load_environment
from airworthy.errors import AirworthyError
from airworthy.handover import Deployment, Rollback, RunRequest, Verdict
from airworthy_airflow.asset_events import AssetNews

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airworthy.ledger import Entry
    from airworthy.ledger.events import AliasMove
    from airworthy_airflow.alerts.notify import Log


def is_release(run: RunRequest) -> bool:
    """Tell whether somebody waits for a release of this run.

    Nobody does for a backfill, or with the parameter ``promote: never``.
    """
    return run.promote == "always" or (run.promote == "auto" and run.reason != "backfill")


def champion_news(model: str, run_id: str, log: Log) -> AssetNews | None:
    """Return the news of the champion that a run has moved; None: it moved none.

    Args:
        model: The model.
        run_id: The run of the release, or the run that began the rollback.
        log: The task's log.
    """
    from airworthy.ledger import open_ledger

    try:
        move = _move_of(open_ledger(load_environment(), model).entries(), run_id)
    # The move is done. A ledger that cannot be read now costs the event only.
    except AirworthyError as error:
        log.error("the ledger does not say whether the champion moved: %s", error)
        return None
    if move is None:
        return None
    content = {"model": model, "version": move.event.to, "previous_version": move.event.from_}
    extra = {**content, "entry": move.sequence, "reason": move.event.reason}
    return AssetNews(extra, datetime.fromisoformat(move.time))


def tell_of_verdict(verdict: Verdict, version: str, context: Context, log: Log) -> None:
    """Notify people of a challenger refused by its gates.

    Args:
        verdict: The run's verdict.
        version: The registered version.
        context: The task's context.
        log: The task's log.
    """
    from airworthy.alerts.release_alerts import rejected_by_verdict
    from airworthy_airflow.alerts.alert_links import version_links
    from airworthy_airflow.alerts.notify import notify_of

    run_id = context["dag_run"].run_id
    notify_of(
        lambda: rejected_by_verdict(
            verdict, version, run_id, version_links(context, verdict.model, version)
        ),
        run_id,
        log,
    )


def tell_of_hold(
    model: str, version: str, reasons: Sequence[str], context: Context, log: Log
) -> None:
    """Notify people of a release that its blockers hold.

    Args:
        model: The model.
        version: The version.
        reasons: The blockers.
        context: The task's context.
        log: The task's log.
    """
    from airworthy.alerts.release_alerts import held
    from airworthy_airflow.alerts.alert_links import version_links
    from airworthy_airflow.alerts.notify import notify_of

    run_id = context["dag_run"].run_id
    notify_of(
        lambda: held(model, version, reasons, run_id, version_links(context, model, version)),
        run_id,
        log,
    )


def tell_of_promotion(deployment: Deployment, context: Context, log: Log) -> None:
    """Notify people of a new champion.

    Args:
        deployment: The deployment.
        context: The task's context.
        log: The task's log.
    """
    from airworthy.alerts.release_alerts import promoted
    from airworthy_airflow.alerts.alert_links import version_links
    from airworthy_airflow.alerts.notify import notify_of

    run_id, model, version = context["dag_run"].run_id, deployment.model, deployment.version
    notify_of(
        lambda: promoted(deployment, run_id, version_links(context, model, version)), run_id, log
    )


def tell_of_rollback(rollback: Rollback, context: Context, log: Log) -> None:
    """Notify people of a rollback.

    Args:
        rollback: The state of serving after it.
        context: The task's context.
        log: The task's log.
    """
    from airworthy.alerts.release_alerts import rolled_back
    from airworthy_airflow.alerts.alert_links import version_links
    from airworthy_airflow.alerts.notify import notify_of

    notify_of(
        lambda: rolled_back(rollback, version_links(context, rollback.model, rollback.to_version)),
        context["dag_run"].run_id,
        log,
    )


def _move_of(entries: Sequence[Entry], run_id: str) -> Entry[AliasMove] | None:
    """Return the champion's last move by a run, or by the rollback that the run began."""
    from airworthy.ledger.events import AliasMove
    from airworthy.ledger.ledger_queries import alias_moves

    rollback = AliasMove.rollback_id(run_id)
    own = [
        move for move in alias_moves(entries) if move.run_id == run_id or move.entry_id == rollback
    ]
    return own[-1] if own else None
