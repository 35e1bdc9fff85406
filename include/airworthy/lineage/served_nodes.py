"""Predictions in the graph: each hangs at the decision that let its version answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airworthy.ledger.events import BEGUN, RolloutStep
from airworthy.lineage.build import version_id
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.titles import predictions_title
from airworthy.release.rollout_flags import CHAMPION


@dataclass(frozen=True)
class Answered:
    """How many predictions a version made as an arm, and when the first and the last were; times are UTC."""

    version: str
    arm: str
    count: int
    first: datetime
    last: datetime


def add_prediction(graph: Graph, node: Node, arm: str, made: datetime) -> None:
    """Add one prediction, made by `node.version`, after the last decision before it that let the version answer."""
    deciding = decisions_before(graph, str(node.version), arm, made)
    graph.add(node)
    before = deciding[-1] if deciding else version_id(str(node.version))
    if before in graph.nodes:
        graph.link(before, node.id)


def add_answered(graph: Graph, model: str, answered: Iterable[Answered]) -> None:
    """Add all predictions of a version as one node an arm, after every decision that let it answer."""
    for each in answered:
        facts: dict[str, Any] = {
            "model": model,
            "arm": each.arm,
            "count": each.count,
            "first": each.first.astimezone(UTC).isoformat(),
            "last": each.last.astimezone(UTC).isoformat(),
        }
        title = predictions_title(each.version, each.arm, each.count, each.first, each.last)
        node = Node(
            f"predictions:{each.version}:{each.arm}",
            "predictions",
            title,
            facts["last"],
            version=each.version,
            facts=facts,
        )
        before = decisions_before(graph, each.version, each.arm, each.last)
        known = [version_id(each.version)] if version_id(each.version) in graph.nodes else []
        graph.add(node)
        for decision in before or known:
            graph.link(decision, node.id)


def decisions_before(graph: Graph, version: str, arm: str, moment: datetime) -> list[str]:
    """Return the decisions up to a moment that let a version answer as an arm, oldest first."""
    return [found.id for found in _deciding(graph, version, arm) if _moment(found) <= moment]


def _deciding(graph: Graph, version: str, arm: str) -> list[Node]:
    """Return the decisions that let a version answer as an arm, oldest first.

    As champion it answers since a deployment; as anything else since a step of its rollout was begun.
    """
    of_version = [node for node in graph.nodes.values() if node.version == version and node.time]
    wanted = [
        node for node in of_version if (_deploys(node) if arm == CHAMPION else _begins_step(node))
    ]
    return sorted(wanted, key=_moment)


def _deploys(node: Node) -> bool:
    return node.kind == "deployment"


def _begins_step(node: Node) -> bool:
    return node.kind == RolloutStep.kind and node.facts.get("state") == BEGUN


def _moment(node: Node) -> datetime:
    return datetime.fromisoformat(str(node.time))
