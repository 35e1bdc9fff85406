"""The graph of lineage: what was made from what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any


@dataclass(frozen=True, eq=False)
class Node:
    """One thing or decision.

    Attributes:
        id: Unlike every other node's of the graph.
        kind: ``source``, ``partition``, ``dataset``, ``validation``, ``training``, ``verdict``, ``version``,
            ``deployment``, ``replaced``, ``prediction``, ``predictions``, ``scored``, or a kind of the ledger's
            entries.
        title: One line for people.
        time: When it was made, ISO 8601 in UTC; None when that is not recorded.
        run_id: The run that made it.
        dag_id: The Airflow DAG of that run; None outside Airflow, or when that is not recorded.
        version: The version that it is about, once there is one.
        facts: All that is recorded of it, JSON-safe.
    """

    id: str
    kind: str
    title: str
    time: str | None = None
    run_id: str | None = None
    dag_id: str | None = None
    version: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class Graph:
    """Nodes, and edges from each to what was made from it; without cycles, as nothing is made from what came later."""

    def __init__(self) -> None:
        """Begin without nodes."""
        self.nodes: dict[str, Node] = {}
        self._after: dict[str, dict[str, None]] = {}
        self._before: dict[str, dict[str, None]] = {}

    def add(self, node: Node) -> str:
        """Add a node, unless one with its id is there; return its id."""
        if node.id not in self.nodes:
            self.nodes[node.id] = node
            self._after[node.id], self._before[node.id] = {}, {}
        return node.id

    def link(self, before: str, after: str) -> None:
        """Say that one node went into another; both must be there. Said twice, it is one edge."""
        self._after[before][after] = None
        self._before[after][before] = None

    def before(self, node: str) -> list[str]:
        """Return what went into a node directly, in the order in which that was said."""
        return list(self._before[node])

    def after(self, node: str) -> list[str]:
        """Return what was made from a node directly, in the order in which that was said."""
        return list(self._after[node])

    def causes(self, nodes: Iterable[str]) -> set[str]:
        """Return all that went into any of the nodes, however indirectly; the nodes too."""
        return _reachable(nodes, self._before)

    def effects(self, nodes: Iterable[str]) -> set[str]:
        """Return all that was made from any of the nodes, however indirectly; the nodes too."""
        return _reachable(nodes, self._after)

    def ordered(self, nodes: Iterable[str]) -> list[str]:
        """Return nodes so that each comes after all that went into it."""
        wanted = set(nodes)
        known = {
            node: [each for each in self._before[node] if each in wanted]
            for node in self.nodes
            if node in wanted
        }
        return list(TopologicalSorter(known).static_order())

    def edges(self, nodes: Iterable[str]) -> list[tuple[str, str]]:
        """Return the edges among these nodes."""
        wanted = set(nodes)
        return [
            (node, after)
            for node in self.ordered(wanted)
            for after in self._after[node]
            if after in wanted
        ]


def _reachable(nodes: Iterable[str], neighbours: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(neighbours[node])
    return found
