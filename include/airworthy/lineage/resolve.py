"""Which nodes of a model's graph a text can mean. Pure."""

from __future__ import annotations

from airworthy.lake.datasets import DatasetRecord
from airworthy.lineage.build import Facts, dataset_id, training_id
from airworthy.lineage.graph import Graph
from airworthy.lineage.reference import unknown

_SHORTEST_DIGEST = 6


def meanings(graph: Graph, facts: Facts, word: str) -> dict[str, list[str]]:
    """Return what a word alone can mean, by kind: the start of a digest, a run's id, an MLflow run's id.

    Raises:
        TerminalError: when it is the start of several digests.
    """
    digest = len(word) >= _SHORTEST_DIGEST and set(word) <= set("0123456789abcdef")
    found = {
        "run": made_by(graph, word),
        "training": [node for node in (training_id(word),) if node in graph.nodes],
        "dataset": dataset_versions(facts, word) if digest else [],
    }
    return {kind: nodes for kind, nodes in found.items() if nodes}


def dataset_versions(facts: Facts, text: str) -> list[str]:
    """Return the dataset versions with this id (``2026-11-25/1a2b3c``), or whose digest begins like this.

    Several windows may hold the same content: then there are several.

    Raises:
        TerminalError: when their digests differ, and more digits are needed.
    """
    day, _, digits = text.rpartition("/")
    found = {
        dataset_id(key): record.digest
        for key, record in facts.of(DatasetRecord)
        if record.digest.startswith(digits) and (not day or f"{record.window.end:%Y-%m-%d}" == day)
    }
    if len(set(found.values())) > 1:
        digests = ", ".join(sorted(set(found.values())))
        raise unknown(
            text, "several dataset versions have a digest that begins like this", allowed=digests
        )
    return list(found)


def made_by(graph: Graph, run_id: str, dag_id: str | None = None) -> list[str]:
    """Return what a run made or decided; of a DAG's run, nothing that a run of another DAG with this id made."""
    made = [
        node for node in graph.nodes.values() if node.run_id == run_id and node.kind != "replaced"
    ]
    return [node.id for node in made if dag_id is None or node.dag_id in (None, dag_id)]
