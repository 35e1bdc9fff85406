"""Finds the nodes of a reference in a model's graph. Pure."""

from __future__ import annotations

from airworthy.lake.dataset_records import DatasetRecord
from airworthy.lineage.graph import Graph
from airworthy.lineage.model_records import ModelRecords
from airworthy.lineage.node_ids import dataset_id, training_id
from airworthy.lineage.reference import unknown_reference

_SHORTEST_DIGEST = 6


def resolve_word(graph: Graph, records: ModelRecords, word: str) -> dict[str, list[str]]:
    """Return the nodes of a word by kind: a run's id, an MLflow run's id, the start of a digest.

    Args:
        graph: The model's graph.
        records: The model's records.
        word: The word.

    Raises:
        TerminalError: when it is the start of several digests.
    """
    is_digest = len(word) >= _SHORTEST_DIGEST and set(word) <= set("0123456789abcdef")
    training = training_id(word)
    candidates = {
        "run": nodes_of_run(graph, word),
        "training": [training] if training in graph.nodes else [],
        "dataset": find_datasets(records, word) if is_digest else [],
    }
    return {kind: nodes for kind, nodes in candidates.items() if nodes}


def find_datasets(records: ModelRecords, text: str) -> list[str]:
    """Return the dataset versions with this id (``2026-11-25/1a2b3c``) or start of a digest.

    Several windows may have the same content: then there are several.

    Raises:
        TerminalError: when their digests differ, and more digits are needed.
    """
    day, _, digits = text.rpartition("/")
    digests = {
        dataset_id(key): record.digest
        for key, record in records.of_kind(DatasetRecord)
        if record.digest.startswith(digits) and (not day or f"{record.window.end:%Y-%m-%d}" == day)
    }
    distinct = sorted(set(digests.values()))
    if len(distinct) > 1:
        raise unknown_reference(
            text,
            "several dataset versions have a digest that begins like this",
            allowed=", ".join(distinct),
        )
    return list(digests)


def nodes_of_run(graph: Graph, run_id: str, dag_id: str | None = None) -> list[str]:
    """Return the results and decisions of a run.

    Args:
        graph: The model's graph.
        run_id: The run. Runs of several DAGs may share an id.
        dag_id: The run's DAG; None: of any. Nodes without a recorded DAG are always included.
    """
    nodes = [
        node for node in graph.nodes.values() if node.run_id == run_id and node.kind != "replaced"
    ]
    return [node.id for node in nodes if dag_id is None or node.dag_id in (None, dag_id)]
