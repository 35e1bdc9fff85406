"""The records of one model for the lineage graph, and the nodes of single records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from airworthy.lake.dataset_records import Event
from airworthy.ledger import Entry
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.node_ids import entry_id, entry_time, utc_text
from airworthy.lineage.version_names import VersionNames


@dataclass(frozen=True)
class ModelRecords:
    """The records of one model.

    Attributes:
        model: The model's name.
        events: The records of its dataset versions, oldest first, each with the version's key.
        entries: Its ledger, oldest first.
    """

    model: str
    events: list[tuple[str, Event]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @cached_property
    def names(self) -> VersionNames:
        """The names of its versions."""
        return VersionNames(self.entries)

    def of_kind(self, kind: type[Event]) -> list[tuple[str, Any]]:
        """Return the records of one class, each with its dataset version's key."""
        return [(key, event) for key, event in self.events if isinstance(event, kind)]


def event_node(
    node_id: str, kind: str, title: str, event: Event, more: Mapping[str, Any] | None = None
) -> Node:
    """Return the node of a dataset version's record.

    Args:
        node_id: The node's id.
        kind: The node's kind.
        title: The node's title.
        event: The record.
        more: Further facts.
    """
    record = event.model_dump(mode="json", exclude={"statistics", "time", "run_id", "dag_id"})
    return Node(
        id=node_id,
        kind=kind,
        title=title,
        time=utc_text(event.time),
        run_id=event.run_id,
        dag_id=event.dag_id,
        facts={**record, **(more or {})},
    )


def entry_node(entry: Entry, kind: str, title: str, version: str | None = None) -> Node:
    """Return the node of a ledger entry.

    Args:
        entry: The entry.
        kind: The node's kind.
        title: The node's title.
        version: The name of its version; None: it is about none.
    """
    metadata = {
        "who": entry.who,
        "proved_by": entry.proved_by,
        "entry": entry.entry_id,
        "sequence": entry.sequence,
    }
    return Node(
        id=entry_id(entry),
        kind=kind,
        title=title,
        time=entry_time(entry),
        run_id=entry.run_id,
        dag_id=entry.content.get("dag_id"),
        version=version,
        facts={**entry.content, **metadata},
    )


def link_if_present(graph: Graph, before: str, after: str) -> None:
    """Link two nodes, if the first one is in the graph.

    Args:
        graph: The graph.
        before: The input; it may be missing.
        after: The result; it must be in the graph.
    """
    if before in graph.nodes:
        graph.link(before, after)
