"""Traces a reference: finds its nodes and answers with their inputs and results."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pydantic_core import to_jsonable_python

from airworthy.batch_scoring.find_score import ScoredRow, find_scored_row
from airworthy.environment import Environment
from airworthy.lineage.build import build_graph
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.lineage_answer import LineageAnswer
from airworthy.lineage.model_records import ModelRecords
from airworthy.lineage.node_ids import version_id
from airworthy.lineage.read_records import (
    read_day,
    read_model_records,
    read_partitions,
    read_prediction_counts,
    read_scored,
    read_scored_day,
)
from airworthy.lineage.reference import Reference, parse_reference, unknown_reference
from airworthy.lineage.resolve import find_datasets, nodes_of_run, resolve_word
from airworthy.lineage.scored_nodes import add_scored_prediction
from airworthy.lineage.served_nodes import add_prediction
from airworthy.lineage.titles import prediction_title, scored_prediction_title
from airworthy.predictions.find_prediction import LoggedPrediction, find_prediction
from airworthy.predictions.prediction_ids import creation_time, split_prediction_id
from airworthy.traffic import traffic_of


@dataclass(frozen=True)
class _ModelLineage:
    """The records and the graph of one model."""

    environment: Environment
    records: ModelRecords
    graph: Graph

    @classmethod
    def read(cls, environment: Environment, model: str) -> _ModelLineage:
        records = read_model_records(environment, model)
        return cls(environment, records, build_graph(records))

    @property
    def model(self) -> str:
        return self.records.model

    def answer(self, text: str, kind: str, roots: list[str]) -> LineageAnswer:
        """Return the answer, with the partitions before the roots and the predictions after."""
        if not roots:
            raise unknown_reference(
                text, f"nothing of {self.model} is recorded under this reference"
            )
        environment, graph = self.environment, self.graph
        read_partitions(environment, graph, self.model, graph.causes(roots))
        read_prediction_counts(environment, graph, self.records, graph.effects(roots))
        read_scored(environment, graph, self.records, graph.effects(roots))
        return LineageAnswer(text, kind, self.model, graph, roots)

    def prediction_answer(self, text: str, node: str) -> LineageAnswer:
        """Return the answer for one prediction, with the partitions before it."""
        read_partitions(self.environment, self.graph, self.model, self.graph.causes([node]))
        return LineageAnswer(text, "prediction", self.model, self.graph, [node])


def trace(environment: Environment, text: str, model: str | None = None) -> LineageAnswer:
    """Return the lineage of a reference.

    Args:
        environment: The environment of lake, ledger and prediction log.
        text: See `parse_reference`.
        model: The model; None: the text's model, or any with a folder among the models.

    Raises:
        TerminalError: when the text is no reference, nothing is recorded under it, or it has
            several meanings.
        TransientError: when the lake cannot be reached.
    """
    reference = parse_reference(text, model)
    if reference.kind == "word":
        return _trace_word(environment, reference)
    lineage = _ModelLineage.read(environment, str(reference.model))
    return lineage.answer(reference.text, reference.kind, _roots(lineage, reference))


def _roots(lineage: _ModelLineage, reference: Reference) -> list[str]:
    if reference.kind == "partition":
        return read_day(lineage.environment, lineage.graph, lineage.model, reference.value)
    if reference.kind == "dataset":
        return find_datasets(lineage.records, reference.value)
    if reference.kind == "run":
        return nodes_of_run(lineage.graph, reference.value, reference.dag_id)
    is_alias = reference.kind == "alias"
    version = (
        _aliased_version(lineage, reference)
        if is_alias
        else lineage.records.names.find(reference.value)
    )
    return [version_id(version)] if version_id(version) in lineage.graph.nodes else []


def _aliased_version(lineage: _ModelLineage, reference: Reference) -> str:
    traffic = traffic_of(lineage.records.entries)
    names, aliases = lineage.records.names, {}
    if traffic.champion is not None:
        champion = traffic.champion
        aliases["champion"] = names.of_files(champion.version, champion.bundle_digest)
    if traffic.rollout is not None:
        rollout = traffic.rollout
        aliases["challenger"] = names.of_files(rollout.challenger, rollout.bundle_digest)
    if reference.value not in aliases:
        raise unknown_reference(
            reference.text,
            f"no version of {lineage.model} has this alias",
            allowed=", ".join(f"{lineage.model}@{alias}" for alias in aliases)
            or "none: no version was released yet",
        )
    return aliases[reference.value]


def _trace_word(environment: Environment, reference: Reference) -> LineageAnswer:
    """Trace a word: a prediction's id, or in any model a run's id or the start of a digest."""
    # Only an id with a creation time is looked up first: other ids are slower to find.
    has_time = creation_time(reference.value.partition(":")[0]) is not None
    answer = _trace_prediction(environment, reference) if has_time else None
    if answer is not None:
        return answer
    answer = _trace_in_models(environment, reference)
    if answer is None and not has_time:
        answer = _trace_prediction(environment, reference)
    if answer is None:
        raise unknown_reference(reference.text)
    return answer


def _trace_in_models(environment: Environment, reference: Reference) -> LineageAnswer | None:
    models = _models(environment, reference)
    lineages = (_ModelLineage.read(environment, model) for model in models)
    candidates = [
        (lineage, kind, roots)
        for lineage in lineages
        for kind, roots in resolve_word(lineage.graph, lineage.records, reference.value).items()
    ]
    if not candidates:
        return None
    if len(candidates) > 1:
        meanings = ", ".join(f"{kind} of {lineage.model}" for lineage, kind, _ in candidates)
        raise unknown_reference(
            reference.text, f"this means several things: {meanings}", next_step="add --model MODEL"
        )
    lineage, kind, roots = candidates[0]
    return lineage.answer(reference.text, kind, roots)


def _trace_prediction(environment: Environment, reference: Reference) -> LineageAnswer | None:
    try:
        split_prediction_id(reference.value)
    except ValueError:
        return None
    prediction = find_prediction(environment, reference.model, reference.value)
    if prediction is None:
        return _trace_scored(environment, reference)
    lineage = _ModelLineage.read(environment, prediction.model)
    name = lineage.records.names.at(prediction.model_version, prediction.time)
    node = _prediction_node(prediction, name)
    add_prediction(lineage.graph, node, prediction.arm, prediction.time)
    return lineage.prediction_answer(reference.text, node.id)


def _trace_scored(environment: Environment, reference: Reference) -> LineageAnswer | None:
    row = find_scored_row(environment, _models(environment, reference), reference.value)
    if row is None:
        return None
    lineage, record = _ModelLineage.read(environment, row.model), row.record
    name = lineage.records.names.of_files(record.model_version, record.bundle_digest)
    node = _scored_node(row, name)
    read_scored_day(lineage.graph, lineage.model, row.record)
    add_scored_prediction(lineage.graph, node, row.record)
    return lineage.prediction_answer(reference.text, node.id)


def _models(environment: Environment, reference: Reference) -> list[str]:
    if reference.model:
        return [reference.model]
    return [path.parent.name for path in sorted(environment.models.glob("*/model.yaml"))]


def _scored_node(row: ScoredRow, version: str) -> Node:
    record = row.record
    facts = {**record.model_dump(mode="json"), **to_jsonable_python(row.row)}
    return Node(
        id=f"prediction:{facts['id']}",
        kind="prediction",
        title=scored_prediction_title(facts),
        time=record.scored_at.isoformat(timespec="milliseconds"),
        run_id=record.run_id,
        dag_id=record.dag_id,
        version=version,
        facts=facts,
    )


def _prediction_node(prediction: LoggedPrediction, version: str) -> Node:
    return Node(
        id=f"prediction:{prediction.id}",
        kind="prediction",
        title=prediction_title(prediction),
        time=prediction.time.isoformat(timespec="milliseconds"),
        version=version,
        facts=to_jsonable_python(asdict(prediction)),
    )
