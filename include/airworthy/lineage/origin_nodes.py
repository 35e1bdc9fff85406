"""The versions of other environments that versions were promoted from, in the graph. Pure.

A promoted version has its training's dataset and MLflow run in its own environment's records. The
node of its origin stands between the training and the version, and names the other ledger's entry.
"""

from __future__ import annotations

from airworthy.ledger import Entry
from airworthy.ledger.events import PromotionReceived, Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.model_records import ModelRecords, link_if_present
from airworthy.lineage.node_ids import entry_time, training_id, version_id


def add_origins(graph: Graph, records: ModelRecords) -> None:
    """Add the origins of promoted versions, before the versions.

    Args:
        graph: The graph, with trainings and versions.
        records: The model's records.
    """
    registrations = of_kind(records.entries, Registration)
    for entry in of_kind(records.entries, PromotionReceived):
        version = entry.event.version
        node = graph.add(_origin_node(records.model, entry))
        runs = [each.event.mlflow_run_id for each in registrations if each.event.version == version]
        for run in filter(None, runs):
            link_if_present(graph, training_id(run), node)
        name = version_id(records.names.at_entry(version, entry.sequence))
        if name in graph.nodes:
            graph.link(node, name)


def _origin_node(model: str, entry: Entry[PromotionReceived]) -> Node:
    event = entry.event
    origin = f"{event.from_environment}/{model}/{event.from_version}"
    title = f"origin: version {model}/{event.from_version} of {event.from_environment}"
    return Node(
        id=f"origin:{origin}:{event.bundle_digest}",
        kind="origin",
        title=f"{title}, promoted by entry {event.from_entry} of its ledger",
        time=entry_time(entry),
        run_id=entry.run_id,
        facts={"model": model, **entry.content, "who": entry.who, "proved_by": entry.proved_by},
    )
