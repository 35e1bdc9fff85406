"""Predictions in the graph: each follows the decision on its version's traffic. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airworthy.ledger.events import BEGUN, RolloutStep
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.node_ids import version_id
from airworthy.lineage.titles import predictions_title
from airworthy.release.rollout_flags import CHAMPION


@dataclass(frozen=True)
class PredictionCount:
    """The number of a version's predictions in an arm, and the UTC times of the first and last."""

    version: str
    arm: str
    count: int
    first: datetime
    last: datetime


def add_prediction(graph: Graph, node: Node, arm: str, time: datetime) -> None:
    """Add one prediction, after the last decision before it about its arm.

    Args:
        graph: The model's graph.
        node: The prediction's node, with its version.
        arm: The arm that the version answered as.
        time: The prediction's time, UTC.
    """
    decisions = decisions_before(graph, str(node.version), arm, time)
    graph.add(node)
    before = decisions[-1] if decisions else version_id(str(node.version))
    if before in graph.nodes:
        graph.link(before, node.id)


def add_prediction_counts(graph: Graph, model: str, counts: Iterable[PredictionCount]) -> None:
    """Add one node for all predictions of a version in an arm, after the arm's decisions.

    Args:
        graph: The model's graph.
        model: The model's name.
        counts: The counts by version and arm.
    """
    for each in counts:
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
        graph.add(node)
        version = version_id(each.version)
        for decision in before or ([version] if version in graph.nodes else []):
            graph.link(decision, node.id)


def decisions_before(graph: Graph, version: str, arm: str, moment: datetime) -> list[str]:
    """Return the decisions up to a moment that gave a version traffic, oldest first.

    Args:
        graph: The model's graph.
        version: The version.
        arm: The arm that the version answers as.
        moment: The moment, UTC.
    """
    return [node.id for node in _decisions(graph, version, arm) if _moment(node) <= moment]


def _decisions(graph: Graph, version: str, arm: str) -> list[Node]:
    """Return the decisions that gave a version traffic as an arm, oldest first.

    A deployment makes it answer as champion, a begun rollout step as any other arm.
    """
    of_version = [node for node in graph.nodes.values() if node.version == version and node.time]
    gives_traffic = _deploys if arm == CHAMPION else _begins_step
    return sorted(filter(gives_traffic, of_version), key=_moment)


def _deploys(node: Node) -> bool:
    return node.kind == "deployment"


def _begins_step(node: Node) -> bool:
    return node.kind == RolloutStep.kind and node.facts.get("state") == BEGUN


def _moment(node: Node) -> datetime:
    return datetime.fromisoformat(str(node.time))
