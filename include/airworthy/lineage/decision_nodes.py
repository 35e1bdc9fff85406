"""Decisions about versions in the graph: staging, approval, rollout, deployment, rollback. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.ledger import Entry
from airworthy.ledger.events import (
    AlertRaised,
    AliasMove,
    AnyEvent,
    CandidateDropped,
    CandidateNamed,
    Registration,
    RollbackCompleted,
    VerdictReached,
)
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.model_records import ModelRecords, entry_node
from airworthy.lineage.node_ids import entry_time, version_id
from airworthy.lineage.titles import decision_title, deployment_title

_LEFT_OUT = (VerdictReached, Registration, AlertRaised, CandidateNamed, CandidateDropped)


def add_decisions(graph: Graph, records: ModelRecords) -> None:
    """Add the ledger's other entries. Those about one version by one run follow each other.

    Verdicts, registrations, alerts and the loading of candidates are left out.
    """
    last_by_chain: dict[tuple[str, str], str] = {}
    deployments: dict[str, tuple[str, str]] = {}
    for entry in records.entries:
        event = entry.shown_event
        if isinstance(event, _LEFT_OUT):
            continue
        version = _name(records, entry, event.subject)
        node = graph.add(_decision_node(entry, event, version))
        if version is None:
            continue
        chain = (version, _deciding_run(entry, event))
        before = last_by_chain.get(chain) or _version_node(graph, records.model, version)
        graph.link(before, node)
        last_by_chain[chain] = node
        if isinstance(event, AliasMove):
            _end_deployment(graph, (entry, version), event, deployments)
            deployments[event.to] = (version, node)


def _name(records: ModelRecords, entry: Entry, number: str | None) -> str | None:
    return None if number is None else records.names.at_entry(number, entry.sequence)


def _decision_node(entry: Entry, event: AnyEvent, version: str | None) -> Node:
    if isinstance(event, AliasMove):
        return entry_node(entry, "deployment", deployment_title(event), version)
    return entry_node(entry, entry.kind, decision_title(entry), version)


def _deciding_run(entry: Entry, event: AnyEvent) -> str:
    return event.started_by if isinstance(event, RollbackCompleted) else entry.run_id


def _end_deployment(
    graph: Graph,
    moved: tuple[Entry, str],
    move: AliasMove,
    deployments: Mapping[str, tuple[str, str]],
) -> None:
    """Add the end of the replaced deployment after it: the new deployment is not its result.

    Args:
        graph: The graph.
        moved: The move's entry, and the name of the new champion.
        move: Its event.
        deployments: Number of the champion -> its name, and the node of its last deployment.
    """
    (entry, version), former = moved, move.from_
    if former is None or former not in deployments:
        return
    name, deployment = deployments[former]
    if name == version:
        return
    reason = move.reason or "no reason recorded"
    node = Node(
        id=f"replaced:{entry.sequence}",
        kind="replaced",
        title=f"no longer champion: version {move.to} took over: {reason}",
        time=entry_time(entry),
        run_id=entry.run_id,
        dag_id=entry.content.get("dag_id"),
        version=name,
        facts={"by": move.to, "reason": reason, "who": entry.who, "proved_by": entry.proved_by},
    )
    graph.link(deployment, graph.add(node))


def _version_node(graph: Graph, model: str, version: str) -> str:
    return graph.add(
        Node(version_id(version), "version", f"version {model}/{version}", version=version)
    )
