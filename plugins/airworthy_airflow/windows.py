"""Resolves the end of a DAG run's data and the run's reason. Pure: nothing is looked up.

This is the only place for it. Airflow leaves ``logical_date``, ``ds`` and ``data_interval_*`` out
of the context of API-, asset- and operator-triggered runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, get_args

from airworthy.days import DAY, floor_day, midnight
from airworthy.errors import TerminalError
from airworthy.handover import TriggerReason

_REASON_OF_RUN_TYPE: Mapping[str, TriggerReason] = {
    "scheduled": "scheduled",
    "backfill": "backfill",
    "asset_triggered": "new_data",
}


@dataclass(frozen=True)
class RunFacts:
    """The facts of a DAG run. Times are timezone-aware; `interval` is absent or ``(start, end)``."""

    run_type: str
    run_after: datetime
    interval: tuple[datetime, datetime] | None = None
    as_of: str | None = None
    reason: str | None = None


def facts_of(context: Mapping[str, Any]) -> RunFacts:
    """Take the facts out of a task's context. Its date keys may be missing."""
    run, params = context["dag_run"], context.get("params") or {}
    start, end = getattr(run, "data_interval_start", None), getattr(run, "data_interval_end", None)
    return RunFacts(
        run_type=str(getattr(run.run_type, "value", run.run_type)),
        run_after=run.run_after,
        interval=(start, end) if start is not None and end is not None else None,
        as_of=params.get("as_of") or None,
        reason=params.get("reason") or None,
    )


def resolve_as_of(
    facts: RunFacts,
    first_day: date,
    last_day: date | None,
    model: str | None = None,
    *,
    whole_days: bool = True,
) -> datetime:
    """Return the exclusive end of the run's data: a UTC midnight, or any moment.

    The explicit parameter wins, else the end of a data interval that is not empty, else
    `run_after`. Only an implied end is moved back to the end of the source's data.

    >>> facts = RunFacts("manual", run_after=datetime(2026, 3, 20, 9, 30, tzinfo=UTC))
    >>> resolve_as_of(facts, date(2026, 1, 1), None).isoformat()
    '2026-03-20T00:00:00+00:00'

    Args:
        facts: The DAG run's facts.
        first_day: The first UTC day with data.
        last_day: The last UTC day with data; None when it goes on.
        model: The model, for errors.
        whole_days: Whether an implied end is moved back to a UTC midnight. A day in the parameter
            is one anyway.

    Raises:
        TerminalError: when there is no data before that time, or when the parameter is no date,
            lies beyond the last day with data, or in the run's future.
    """
    earliest = midnight(first_day) + DAY
    latest = midnight(last_day) + DAY if last_day is not None else None
    if facts.as_of is not None:
        latest = min(latest or floor_day(facts.run_after), floor_day(facts.run_after))
        as_of = floor_day(_parse(facts.as_of, model))
    else:
        implied = _implied_end(facts)
        as_of = floor_day(implied) if whole_days else implied.astimezone(UTC)
        as_of = min(as_of, latest) if latest is not None else as_of
    if as_of < earliest or (latest is not None and as_of > latest):
        upper = f"to {latest:%Y-%m-%d}" if latest is not None else "or later"
        raise TerminalError(
            "the run would see no data, or days that are not complete",
            model=model,
            received=f"as_of {as_of:%Y-%m-%d}",
            allowed=f"{earliest:%Y-%m-%d} {upper} (exclusive end, UTC)",
            next_step="trigger again with another as_of, or change start and end in the model's spec",
        )
    return as_of


def resolve_reason(facts: RunFacts) -> TriggerReason:
    """Return the run's reason: the parameter, else by the run's type.

    A task cannot tell a click in the UI from a call of the REST API, because Airflow keeps
    ``triggered_by`` from tasks. Both are ``manual`` unless the caller sends ``"reason": "api"``. A
    backfill run is always a ``backfill``: under another reason it could take ``champion``.

    Raises:
        TerminalError: when the parameter is no known reason.
    """
    if facts.reason is None or facts.run_type == "backfill":
        return _REASON_OF_RUN_TYPE.get(facts.run_type, "manual")
    for reason in get_args(TriggerReason):
        if facts.reason == reason:
            trigger_reason: TriggerReason = reason
            return trigger_reason
    raise TerminalError(
        "there is no such trigger reason",
        received=facts.reason,
        allowed=", ".join(get_args(TriggerReason)),
        next_step="trigger again with another reason",
    )


def refuse_unknown_keys(context: Mapping[str, Any], model: str) -> None:
    """Refuse a run with keys in its configuration that its DAG does not have.

    Airflow hands over every key of the REST API, the UI and a backfill. A key with a slip in it
    would change nothing, and nobody would know.

    Args:
        context: The task's context. One without a DAG is not checked.
        model: The model, for the error.

    Raises:
        TerminalError: when there is one.
    """
    dag = context.get("dag")
    if dag is None:
        return
    known, given = list(dag.params), getattr(context["dag_run"], "conf", None) or {}
    unknown = [str(key) for key in given if key not in known]
    if unknown:
        raise TerminalError(
            f"this run's configuration has keys that {dag.dag_id} does not know: "
            f"{', '.join(unknown)}",
            model=model,
            received=", ".join(map(str, given)),
            allowed=", ".join(known) or "none: this DAG has no parameters",
            next_step="trigger again without them, or with the right names",
        )


def _implied_end(facts: RunFacts) -> datetime:
    if facts.interval is not None and facts.interval[0] < facts.interval[1]:
        return facts.interval[1]
    return facts.run_after


def _parse(text: str, model: str | None) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise TerminalError(
            "as_of is not a date",
            model=model,
            received=repr(text),
            allowed="YYYY-MM-DD (UTC, exclusive end)",
            next_step="trigger again with another as_of",
        ) from None
