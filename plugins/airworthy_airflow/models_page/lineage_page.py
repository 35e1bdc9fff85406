"""A model's lineage as a picture that can be walked: each box leads to its own picture."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from airworthy.environment import Environment
from airworthy.lineage.build import build_graph
from airworthy.lineage.graph import Graph
from airworthy.lineage.model_records import ModelRecords
from airworthy.lineage.node_ids import version_id
from airworthy.lineage.read_records import (
    read_day,
    read_model_records,
    read_partitions,
    read_prediction_counts,
    read_scored,
)
from airworthy_airflow.access.page_login import User
from airworthy_airflow.models_page.lineage_picture import BOX_HEIGHT, BOX_WIDTH, lineage_picture
from airworthy_airflow.models_page.reading import ModelName, readable_history
from airworthy_airflow.models_page.rendering import page

router = APIRouter()

_MOST_LISTED = 100
_COUNTED_KINDS = ("predictions", "scored")


@router.get("/models/{model}/lineage", response_class=HTMLResponse)
def lineage(request: Request, user: User, model: ModelName, node: str = "") -> HTMLResponse:
    """Show a node of a model's lineage with its inputs and results.

    Args:
        request: The request.
        user: The user.
        model: The model's name.
        node: The node's id; without it, the champion, else the newest version.
    """
    environment, history = readable_history(user, model)
    champion = history.summary.state.champion
    newest = [each.version for each in history.versions]
    version = champion or next(reversed(newest), None)
    chosen = node or (version_id(version) if version else "")
    graph = _graph(environment, model, chosen)
    if node and node not in graph.nodes:
        raise HTTPException(404, f"nothing of {model} is recorded under this id")
    known = chosen in graph.nodes
    values = {
        "model": model,
        "node": graph.nodes[chosen] if known else None,
        "picture": lineage_picture(graph, chosen) if known else None,
        "box_width": BOX_WIDTH,
        "box_height": BOX_HEIGHT,
        "before": _listed(graph, graph.before(chosen)) if known else [],
        "after": _listed(graph, graph.after(chosen)) if known else [],
        "most": _MOST_LISTED,
    }
    return page(request, "lineage.html", values)


def _listed(graph: Graph, ids: list[str]) -> list[object]:
    return [graph.nodes[each] for each in ids[::-1]]


def _graph(environment: Environment, model: str, node: str) -> Graph:
    """Return a model's graph, with the partitions and predictions around a node."""
    records = read_model_records(environment, model)
    graph = build_graph(records)
    if node not in graph.nodes:
        _read_by_id(environment, graph, records, node)
    if node in graph.nodes:
        read_partitions(environment, graph, model, graph.causes([node]))
        read_prediction_counts(environment, graph, records, graph.effects([node]))
        read_scored(environment, graph, records, graph.effects([node]))
    return graph


def _read_by_id(environment: Environment, graph: Graph, records: ModelRecords, node: str) -> None:
    """Read what the records do not name: a day's partition, or predictions of a version."""
    kind, _, rest = node.partition(":")
    if kind == "partition":
        read_day(environment, graph, records.model, rest.partition(":")[0])
    elif kind in _COUNTED_KINDS:
        every = set(graph.nodes)
        read_prediction_counts(environment, graph, records, every)
        read_scored(environment, graph, records, every)
