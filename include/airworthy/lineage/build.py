"""Builds the lineage graph from the records of a model. Pure: looks nothing up.

source -> partitions -> dataset version -> validation -> MLflow run -> verdict -> version
-> the decisions about it (staging, approval, rollout steps, deployment, in the ledger's order)
-> predictions.
"""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.lake.dataset_records import (
    BenchmarkRecord,
    DatasetRecord,
    TrainingRecord,
    ValidationRecord,
)
from airworthy.ledger import Entry
from airworthy.ledger.events import Registration, VerdictReached
from airworthy.ledger.ledger_queries import of_kind
from airworthy.lineage import titles
from airworthy.lineage.decision_nodes import add_decisions
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.model_records import ModelRecords, entry_node, event_node, link_if_present
from airworthy.lineage.node_ids import dataset_id, entry_id, entry_time, training_id, version_id
from airworthy.lineage.origin_nodes import add_origins


def build_graph(records: ModelRecords) -> Graph:
    """Return the graph from dataset versions to deployments.

    `add_partitions` adds the inputs of dataset versions, `add_prediction_counts` the predictions.
    """
    graph = Graph()
    _add_datasets(graph, records)
    _add_trainings(graph, records)
    _add_verdicts(graph, records)
    _add_versions(graph, records)
    add_origins(graph, records)
    add_decisions(graph, records)
    return graph


def _add_datasets(graph: Graph, records: ModelRecords) -> None:
    for key, record in records.of_kind(DatasetRecord):
        graph.add(event_node(dataset_id(key), "dataset", titles.dataset_title(record), record))
    for number, (key, record) in enumerate(records.of_kind(ValidationRecord)):
        title = titles.validation_title(record)
        node = graph.add(event_node(f"validation:{number}", "validation", title, record))
        link_if_present(graph, dataset_id(key), node)


def _add_trainings(graph: Graph, records: ModelRecords) -> None:
    benchmarks = {record.mlflow_run_id: record for _, record in records.of_kind(BenchmarkRecord)}
    passed = {
        (key, record.run_id): f"validation:{number}"
        for number, (key, record) in enumerate(records.of_kind(ValidationRecord))
        if record.success
    }
    for key, record in records.of_kind(TrainingRecord):
        benchmark = benchmarks.get(record.mlflow_run_id)
        more = {"ratio": record.ratio, "metrics": benchmark.metrics if benchmark else {}}
        node = training_id(record.mlflow_run_id)
        title = titles.training_title(record, benchmark)
        graph.add(event_node(node, "training", title, record, more))
        link_if_present(graph, passed.get((key, record.run_id), dataset_id(key)), node)


def _add_verdicts(graph: Graph, records: ModelRecords) -> None:
    datasets = {record.digest: dataset_id(key) for key, record in records.of_kind(DatasetRecord)}
    for entry in of_kind(records.entries, VerdictReached):
        verdict = entry.event
        node = graph.add(entry_node(entry, "verdict", titles.verdict_title(verdict)))
        run = verdict.mlflow_run_id or ""
        training = training_id(run)
        if run and training not in graph.nodes:  # evaluated before trainings were recorded
            title, facts = f"MLflow run {run}", {"mlflow_run_id": run}
            graph.add(Node(training, "training", title, facts=facts))
            link_if_present(graph, datasets.get(str(verdict.dataset_digest), ""), training)
        link_if_present(graph, training, node)


def _add_versions(graph: Graph, records: ModelRecords) -> None:
    keys = {
        record.mlflow_run_id: record.idempotency_key
        for _, record in records.of_kind(TrainingRecord)
    }
    verdicts = [
        (entry, str(entry.event.mlflow_run_id))
        for entry in of_kind(records.entries, VerdictReached)
    ]
    for entry in of_kind(records.entries, Registration):
        name = records.names.at_entry(entry.event.version, entry.sequence)
        node = graph.add(_version_node(records.model, name, entry))
        runs = _training_runs(entry, verdicts, keys)
        of_runs = [verdict for verdict, run in verdicts if run in runs]
        for verdict in of_runs:
            graph.link(entry_id(verdict), node)
        for run in runs if not of_runs else ():
            link_if_present(graph, training_id(run), node)


def _version_node(model: str, name: str, entry: Entry[Registration]) -> Node:
    registration = entry.event
    return Node(
        id=version_id(name),
        kind="version",
        title=f"version {model}/{name}: {registration.validation_status}",
        time=entry_time(entry),
        run_id=entry.run_id,
        dag_id=registration.dag_id,
        version=name,
        facts={"model": model, **entry.content, "who": entry.who, "proved_by": entry.proved_by},
    )


def _training_runs(
    registration: Entry[Registration],
    verdicts: list[tuple[Entry[VerdictReached], str]],
    keys: Mapping[str, str],
) -> set[str]:
    """Return the MLflow runs of a version: the registered run, and its exact repetitions.

    Args:
        registration: The version's entry.
        verdicts: The entries of all verdicts, each with its MLflow run.
        keys: MLflow run -> idempotency key. Repetitions share the key.
    """
    registered = registration.event.mlflow_run_id
    if registered is None:  # registered before this was recorded: its run's verdict has it
        registered = next(
            (run for entry, run in reversed(verdicts) if entry.run_id == registration.run_id), None
        )
    key = keys.get(str(registered))
    same_key = {run for run, other in keys.items() if key is not None and other == key}
    return {str(registered)} | same_key
