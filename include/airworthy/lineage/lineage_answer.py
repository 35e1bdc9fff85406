"""What is answered to a reference: the nodes that are meant, all that went into them, all that came of them. Pure.

As JSON (``airworthy lineage REF --json``), one object:

``reference``  ``text`` as it was given, ``kind`` (``version``, ``alias``, ``dataset``, ``partition``, ``prediction``,
               ``run``, ``training``) and ``model``
``versions``   the registered versions among the nodes, in order: of a partition or a dataset version, those that were
               trained on it; of a prediction, the one that made it
``roots``      the ids of the nodes that are meant
``nodes``      each with ``id``, ``kind`` (see `graph.Node`), ``place`` (``root``, ``before`` or ``after`` the roots),
               ``title``, ``time`` (ISO 8601, UTC, or null), ``run_id``, ``dag_id``, ``version`` (or null) and
               ``facts``, an object with all that is recorded; each node comes after all that went into it
``edges``      pairs of ids: the second was made from the first
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from airworthy.lineage.graph import Graph, Node


@dataclass(frozen=True)
class Answer:
    """The part of a graph that a reference is about."""

    text: str
    kind: str
    model: str
    graph: Graph
    roots: list[str]

    @cached_property
    def causes(self) -> set[str]:
        """All that went into the roots, and they."""
        return self.graph.causes(self.roots)

    @cached_property
    def effects(self) -> set[str]:
        """All that was made from the roots, and they."""
        return self.graph.effects(self.roots)

    def nodes(self) -> list[Node]:
        """Return every node of the answer, each after all that went into it."""
        return [self.graph.nodes[node] for node in self.graph.ordered(self.causes | self.effects)]

    def versions(self) -> list[str]:
        """Return the registered versions of the answer, by number."""
        found = {str(node.version) for node in self.nodes() if node.kind == "version"}
        return sorted(found, key=lambda version: (len(version), version))

    def place(self, node: str) -> Literal["root", "before", "after"]:
        """Return where a node of the answer stands."""
        if node in self.roots:
            return "root"
        return "before" if node in self.causes else "after"

    def as_json(self) -> dict[str, Any]:
        """Return the answer as the module's docstring says."""
        return {
            "reference": {"text": self.text, "kind": self.kind, "model": self.model},
            "versions": self.versions(),
            "roots": self.roots,
            "nodes": [
                {
                    "id": node.id,
                    "kind": node.kind,
                    "place": self.place(node.id),
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
