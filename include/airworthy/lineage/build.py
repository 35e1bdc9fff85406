"""What was recorded -> the graph of lineage. Pure: records come in, nothing is looked up.

source -> partitions -> dataset version -> validation -> MLflow run -> verdict -> version -> what was decided about it
(staging, approval, steps of the rollout, deployment, in the order of the ledger) -> predictions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airworthy.lake.datasets import (
    BenchmarkRecord,
    DatasetRecord,
    Event,
    TrainingRecord,
    ValidationRecord,
)
from airworthy.lake.partition_records import PartitionRecord
from airworthy.ledger import Entry
from airworthy.ledger.events import (
    AlertRaised,
    AliasMove,
    Registration,
    RollbackCompleted,
    VerdictReached,
)
from airworthy.ledger.ledger_queries import of_kind
from airworthy.lineage import titles
from airworthy.lineage.graph import Graph, Node


@dataclass(frozen=True)
class Facts:
    """What was recorded about one model: `events` with their dataset version's key, oldest first, and the ledger."""

    model: str
    events: list[tuple[str, Event]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def of(self, kind: type[Event]) -> list[tuple[str, Any]]:
        """Return the events of one kind."""
        return [(key, event) for key, event in self.events if isinstance(event, kind)]


def build(facts: Facts) -> Graph:
    """Return the graph from dataset versions to deployments; see `add_partitions` for what lies before."""
    graph = Graph()
    _add_datasets(graph, facts)
    _add_trainings(graph, facts)
    _add_verdicts(graph, facts)
    _add_versions(graph, facts)
    _add_decisions(graph, facts)
    return graph


def add_partitions(
    graph: Graph,
    model: str,
    held: Mapping[str, Mapping[str, str]],
    records: Iterable[PartitionRecord],
) -> None:
    """Add the partitions of dataset versions, and the sources that they were read from.

    Args:
        graph: Made by `build`.
        model: The model's name.
        held: Dataset version's key -> partition -> its content's digest.
        records: The lake's records, of all contents that the partitions ever had.
    """
    known = {(record.partition, record.digest): record for record in records}
    for (day, digest), record in known.items():
        _add_partition(graph, model, day, digest, record)
    for key, partitions in held.items():
        for day, digest in partitions.items():
            node = _add_partition(graph, model, day, digest, known.get((day, digest)))
            if dataset_id(key) in graph.nodes:
                graph.link(node, dataset_id(key))


def dataset_id(key: str) -> str:
    """Return the node of a dataset version."""
    return f"dataset:{key}"


def partition_id(day: str, digest: str) -> str:
    """Return the node of a partition in one of its contents."""
    return f"partition:{day}:{digest}"


def training_id(run: str) -> str:
    """Return the node of an MLflow run."""
    return f"training:{run}"


def version_id(version: str) -> str:
    """Return the node of a registered version."""
    return f"version:{version}"


def _add_partition(
    graph: Graph, model: str, day: str, digest: str, record: PartitionRecord | None
) -> str:
    facts = {"model": model, "partition": day, "digest": digest}
    title, time = titles.partition_title(day, digest, record), None
    if record is not None:
        facts |= record.model_dump(mode="json", exclude={"columns"})
        time = _utc(record.created)
    node = graph.add(Node(partition_id(day, digest), "partition", title, time, facts=facts))
    if record is not None:
        source = Node(
            f"source:{record.source}",
            "source",
            f"source: {record.source}",
            facts={"source": record.source},
        )
        graph.link(graph.add(source), node)
    return node


def _add_datasets(graph: Graph, facts: Facts) -> None:
    for key, record in facts.of(DatasetRecord):
        _add_event(graph, dataset_id(key), "dataset", titles.dataset_title(record), record)
    for number, (key, record) in enumerate(facts.of(ValidationRecord)):
        node = _add_event(
            graph, f"validation:{number}", "validation", titles.validation_title(record), record
        )
        _link_known(graph, dataset_id(key), node)


def _add_trainings(graph: Graph, facts: Facts) -> None:
    benchmarks = {record.mlflow_run_id: record for _, record in facts.of(BenchmarkRecord)}
    passed = {
        (key, record.run_id): f"validation:{number}"
        for number, (key, record) in enumerate(facts.of(ValidationRecord))
        if record.success
    }
    for key, record in facts.of(TrainingRecord):
        benchmark = benchmarks.get(record.mlflow_run_id)
        more = {"ratio": record.ratio, "metrics": benchmark.metrics if benchmark else {}}
        node = training_id(record.mlflow_run_id)
        _add_event(graph, node, "training", titles.training_title(record, benchmark), record, more)
        _link_known(graph, passed.get((key, record.run_id), dataset_id(key)), node)


def _add_verdicts(graph: Graph, facts: Facts) -> None:
    by_digest = {record.digest: dataset_id(key) for key, record in facts.of(DatasetRecord)}
    for entry in of_kind(facts.entries, VerdictReached):
        node = _add_entry(graph, entry, "verdict", titles.verdict_title(entry.event))
        run = entry.event.mlflow_run_id or ""
        if run and training_id(run) not in graph.nodes:  # evaluated before trainings were recorded
            graph.add(
                Node(
                    training_id(run), "training", f"MLflow run {run}", facts={"mlflow_run_id": run}
                )
            )
            _link_known(graph, by_digest.get(str(entry.event.dataset_digest), ""), training_id(run))
        _link_known(graph, training_id(run), node)


def _add_versions(graph: Graph, facts: Facts) -> None:
    keys = {record.mlflow_run_id: record.idempotency_key for _, record in facts.of(TrainingRecord)}
    verdicts = [
        (entry, str(entry.event.mlflow_run_id)) for entry in of_kind(facts.entries, VerdictReached)
    ]
    for entry in of_kind(facts.entries, Registration):
        registration = entry.event
        title = f"version {facts.model}/{registration.version}: {registration.validation_status}"
        node = Node(
            version_id(registration.version),
            "version",
            title,
            _time(entry),
            entry.run_id,
            registration.dag_id,
            registration.version,
            {"model": facts.model, **entry.content, "who": entry.who},
        )
        graph.add(node)
        makers = _makers(entry, verdicts, keys)
        judged = [each for each, run in verdicts if run in makers]
        for each in judged:
            graph.link(_entry_id(each), node.id)
        for run in makers if not judged else ():
            _link_known(graph, training_id(run), node.id)


def _makers(
    registration: Entry[Registration],
    verdicts: list[tuple[Entry[VerdictReached], str]],
    keys: Mapping[str, str],
) -> set[str]:
    """Return the MLflow runs that gave a version: the one that was registered, and those that made the same again."""
    first = registration.event.mlflow_run_id
    if first is None:  # registered before this was recorded: then its run's verdict says it
        first = next(
            (run for entry, run in reversed(verdicts) if entry.run_id == registration.run_id), None
        )
    key = keys.get(str(first))
    return {str(first)} | {run for run, same in keys.items() if key is not None and same == key}


def _add_decisions(graph: Graph, facts: Facts) -> None:
    """Add every other entry of the ledger: those about one version by one run follow each other."""
    last: dict[tuple[str, str], str] = {}
    serving: dict[str, str] = {}
    for entry in facts.entries:
        event = entry.event
        if isinstance(event, VerdictReached | Registration | AlertRaised):
            continue
        if isinstance(event, AliasMove):
            node = _add_entry(graph, entry, "deployment", titles.deployment_title(event))
        else:
            node = _add_entry(graph, entry, entry.kind, titles.decision_title(entry))
        if event.subject is None:
            continue
        chain = (
            event.subject,
            event.started_by if isinstance(event, RollbackCompleted) else entry.run_id,
        )
        graph.link(last.get(chain) or _known_version(graph, facts.model, event.subject), node)
        last[chain] = node
        if isinstance(event, AliasMove):
            _end_service(graph, entry, event, serving)
            serving[event.to] = node


def _end_service(graph: Graph, entry: Entry, move: AliasMove, serving: Mapping[str, str]) -> None:
    """Say of the deployment that this one replaced that it ended; what replaced it was not made from it.

    Args:
        graph: The graph.
        entry: The move's entry.
        move: Its event.
        serving: Version -> its last deployment.
    """
    former = move.from_
    if former is None or former not in serving or former == move.to:
        return
    reason = move.reason or "no reason recorded"
    title = f"no longer champion: version {move.to} took over: {reason}"
    node = Node(
        f"replaced:{entry.sequence}",
        "replaced",
        title,
        _time(entry),
        entry.run_id,
        entry.content.get("dag_id"),
        former,
        {"by": move.to, "reason": reason, "who": entry.who},
    )
    graph.link(serving[former], graph.add(node))


def _known_version(graph: Graph, model: str, version: str) -> str:
    return graph.add(
        Node(version_id(version), "version", f"version {model}/{version}", version=version)
    )


def _add_event(
    graph: Graph,
    node: str,
    kind: str,
    title: str,
    event: Event,
    more: Mapping[str, Any] | None = None,
) -> str:
    facts = {
        **event.model_dump(mode="json", exclude={"statistics", "time", "run_id", "dag_id"}),
        **(more or {}),
    }
    return graph.add(
        Node(node, kind, title, _utc(event.time), event.run_id, event.dag_id, facts=facts)
    )


def _add_entry(graph: Graph, entry: Entry, kind: str, title: str) -> str:
    told = {**entry.content, "who": entry.who, "entry": entry.entry_id, "sequence": entry.sequence}
    dag_id, subject = entry.content.get("dag_id"), entry.event.subject
    return graph.add(
        Node(_entry_id(entry), kind, title, _time(entry), entry.run_id, dag_id, subject, told)
    )


def _link_known(graph: Graph, before: str, after: str) -> None:
    if before in graph.nodes:
        graph.link(before, after)


def _entry_id(entry: Entry) -> str:
    return f"ledger:{entry.sequence}"


def _time(entry: Entry) -> str:
    return _utc(datetime.fromisoformat(entry.time))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
