"""Asset events of a task: those that happened, and no others.

Airflow emits an event for each outlet of every task that succeeds. A task without an event gives up
its outlet while it runs: Airflow reads the outlets at the task's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from airflow.sdk import Asset

    from airworthy_airflow.alerts.notify import Log

MOST_PARTITIONS = 100
"""The most events of one task. Airflow writes all of them while it takes the task's success."""


class Emitter(Protocol):
    """The part of an operator that emits events."""

    outlets: list[Any]

    @property
    def log(self) -> Log:
        """The task's log."""


@dataclass(frozen=True)
class AssetNews:
    """News about an asset.

    Attributes:
        extra: The content of its events, as JSON values. All events of one task share it.
        since: The time of the news, UTC. An equal event of this run since then is not repeated: the
            task was cleared.
        partitions: The partitions, each with an event; empty: one event without a partition.
    """

    extra: dict[str, Any]
    since: datetime
    partitions: list[str] = field(default_factory=list)


def emit(
    operator: Emitter, context: Mapping[str, Any], asset: Asset, news: AssetNews | None
) -> None:
    """Let the task's success emit the events of its news, or none. Nothing is raised.

    Args:
        operator: The running operator, with the asset among its outlets.
        context: The task's context.
        asset: The asset.
        news: The news; None: there are none.
    """
    try:
        emitted = news is not None and _add(operator, context, asset, news)
    # What the event is about is done already.
    except Exception as error:
        operator.log.error("%s: no asset event: %s: %s", asset.uri, type(error).__name__, error)
        emitted = False
    if not emitted:
        operator.outlets = [
            outlet for outlet in operator.outlets if getattr(outlet, "uri", None) != asset.uri
        ]


def _add(operator: Emitter, context: Mapping[str, Any], asset: Asset, news: AssetNews) -> bool:
    """Add the events that this run has not emitted yet; return whether there are any."""
    before = _emitted_before(operator, context, asset, news)
    partitions = [each for each in news.partitions if each not in before]
    if not partitions and (news.partitions or before):
        return False
    if len(partitions) > MOST_PARTITIONS:
        operator.log.warning(
            "%s: %d partitions, and events for the last %d of them only",
            asset.uri,
            len(partitions),
            MOST_PARTITIONS,
        )
    accessor = context["outlet_events"][asset]
    accessor.extra.update(news.extra)
    if partitions:
        accessor.add_partitions(sorted(partitions)[-MOST_PARTITIONS:])
    return True


def _emitted_before(
    operator: Emitter, context: Mapping[str, Any], asset: Asset, news: AssetNews
) -> set[str | None]:
    """Return the partitions of the equal events of this run; None is one without a partition."""
    # Airflow's `inlet_events` has the assets that are inlets of the task only. As an inlet, its own
    # asset would make the task a consumer of it in every graph.
    from airflow.sdk.execution_time.context import InletEventsAccessors

    try:
        events = list(InletEventsAccessors([asset])[asset].after(news.since.isoformat()))
    # An event twice is better than none.
    except Exception as error:
        operator.log.warning("%s: its events cannot be read: %s", asset.uri, error)
        return set()
    run_id = context["dag_run"].run_id
    return {
        event.partition_key
        for event in events
        if event.source_run_id == run_id and (event.extra or {}) == news.extra
    }
