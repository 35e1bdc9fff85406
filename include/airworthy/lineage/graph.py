"""The lineage graph: its edges lead from each input to its results. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any


@dataclass(frozen=True, eq=False)
class Node:
    """One object or decision.

    Attributes:
        id: Unique in the graph.
        kind: ``source``, ``partition``, ``dataset``, ``validation``, ``training``, ``verdict``,
            ``origin``, ``version``, ``deployment``, ``replaced``, ``prediction``, ``predictions``,
            ``scored``, or a kind of the ledger's entries.
        title: One line for people.
        time: The time of its creation, ISO 8601 in UTC; None when not recorded.
        run_id: The run that created it.
        dag_id: The Airflow DAG of that run; None outside Airflow, or when not recorded.
        version: The registered version that it is about; None before there is one.
        facts: Its record, JSON-safe.
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
    """A directed acyclic graph of nodes. An edge leads from an input to its result.

    >>> graph = Graph()
    >>> graph.link(graph.add(Node("a", "dataset", "")), graph.add(Node("b", "training", "")))
    >>> graph.after("a"), graph.causes(["b"]) == {"a", "b"}
    (['b'], True)
    """

    def __init__(self) -> None:
        """Begin without nodes."""
        self.nodes: dict[str, Node] = {}
        self._after: dict[str, dict[str, None]] = {}
        self._before: dict[str, dict[str, None]] = {}

    def add(self, node: Node) -> str:
        """Add a node, unless one with its id exists; return its id."""
        if node.id not in self.nodes:
            self.nodes[node.id] = node
            self._after[node.id], self._before[node.id] = {}, {}
        return node.id

    def link(self, before: str, after: str) -> None:
        """Add an edge between two nodes of the graph. A second call changes nothing."""
        self._after[before][after] = None
        self._before[after][before] = None

    def before(self, node: str) -> list[str]:
        """Return the direct inputs of a node, in the order of their edges."""
        return list(self._before[node])

    def after(self, node: str) -> list[str]:
        """Return the direct results of a node, in the order of their edges."""
        return list(self._after[node])

    def causes(self, nodes: Iterable[str]) -> set[str]:
        """Return the nodes, and all their direct and indirect inputs."""
        return _reachable(nodes, self._before)

    def effects(self, nodes: Iterable[str]) -> set[str]:
        """Return the nodes, and all their direct and indirect results."""
        return _reachable(nodes, self._after)

    def ordered(self, nodes: Iterable[str]) -> list[str]:
        """Return the nodes in topological order: each after all of its inputs."""
        included = set(nodes)
        predecessors = {
            node: [before for before in self._before[node] if before in included]
            for node in self.nodes
            if node in included
        }
        return list(TopologicalSorter(predecessors).static_order())

    def edges(self, nodes: Iterable[str]) -> list[tuple[str, str]]:
        """Return the edges between these nodes."""
        included = set(nodes)
        return [
            (node, after)
            for node in self.ordered(included)
            for after in self._after[node]
            if after in included
        ]


def _reachable(nodes: Iterable[str], neighbours: Mapping[str, Iterable[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting.extend(neighbours[node])
    return reached
