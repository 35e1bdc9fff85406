"""The answer to a reference: its nodes, all their inputs and all their results. Pure.

As JSON (``airworthy lineage REF --json``), one object:

``reference``  ``text`` as given, ``kind`` (``version``, ``alias``, ``dataset``, ``partition``,
               ``prediction``, ``run``, ``training``) and ``model``
``versions``   the registered versions among the nodes, in order: for a partition or a dataset
               version, the versions trained on it; for a prediction, the version that made it
``roots``      the ids of the referenced nodes
``nodes``      each with ``id``, ``kind`` (see `graph.Node`), ``place`` (``root``, ``before`` or
               ``after`` the roots), ``title``, ``time`` (ISO 8601, UTC, or null), ``run_id``,
               ``dag_id``, ``version`` (or null) and ``facts``, an object with the whole record;
               each node comes after all of its inputs
``edges``      pairs of ids: an input and its result
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from airworthy.lineage.graph import Graph, Node


@dataclass(frozen=True)
class LineageAnswer:
    """The part of a graph that a reference is about.

    Attributes:
        text: The reference, as given.
        kind: Its kind; see the module's docstring.
        model: The model's name.
        graph: The model's graph.
        roots: The ids of the referenced nodes.
    """

    text: str
    kind: str
    model: str
    graph: Graph
    roots: list[str]

    @cached_property
    def causes(self) -> set[str]:
        """The roots, and all their inputs."""
        return self.graph.causes(self.roots)

    @cached_property
    def effects(self) -> set[str]:
        """The roots, and all their results."""
        return self.graph.effects(self.roots)

    def nodes(self) -> list[Node]:
        """Return every node of the answer, each after all of its inputs."""
        return [self.graph.nodes[node] for node in self.graph.ordered(self.causes | self.effects)]

    def versions(self) -> list[str]:
        """Return the registered versions of the answer, by number."""
        versions = {str(node.version) for node in self.nodes() if node.kind == "version"}
        return sorted(versions, key=lambda version: (len(version), version))

    def position(self, node: str) -> Literal["root", "before", "after"]:
        """Return the position of a node of the answer, relative to the roots."""
        if node in self.roots:
            return "root"
        return "before" if node in self.causes else "after"

    def as_json(self) -> dict[str, Any]:
        """Return the answer as JSON values; see the module's docstring."""
        return {
            "reference": {"text": self.text, "kind": self.kind, "model": self.model},
            "versions": self.versions(),
            "roots": self.roots,
            "nodes": [
                {
                    "id": node.id,
                    "kind": node.kind,
                    "place": self.position(node.id),
                    "title": node.title,
                    "time": node.time,
                    "run_id": node.run_id,
                    "dag_id": node.dag_id,
                    "version": node.version,
                    "facts": dict(node.facts),
                }
                for node in self.nodes()
            ],
            "edges": [list(edge) for edge in self.graph.edges(self.causes | self.effects)],
        }
