"""A reference -> its answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pydantic_core import to_jsonable_python

from airworthy.batch_scoring.find_score import FoundScore, find_scored
from airworthy.environment import Environment
from airworthy.ledger.ledger_queries import alias_moves
from airworthy.lineage.build import Facts, build, version_id
from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.lineage_answer import Answer
from airworthy.lineage.read_records import (
    read_answered,
    read_day,
    read_facts,
    read_partitions,
    read_scored,
    read_scored_day,
)
from airworthy.lineage.reference import Reference, parse_reference, unknown
from airworthy.lineage.resolve import dataset_versions, made_by, meanings
from airworthy.lineage.scored_nodes import add_scored_prediction
from airworthy.lineage.served_nodes import add_prediction
from airworthy.lineage.titles import prediction_title, scored_prediction_title
from airworthy.predictions.find_prediction import FoundPrediction, find_prediction
from airworthy.predictions.prediction_ids import made_at, split_prediction_id
from airworthy.release.rollout_flags import read_rollout


@dataclass(frozen=True)
class _Known:
    """What is known of one model."""

    environment: Environment
    facts: Facts
    graph: Graph

    @property
    def model(self) -> str:
        return self.facts.model


def trace(environment: Environment, text: str, model: str | None = None) -> Answer:
    """Return the lineage of a reference.

    Args:
        environment: Where lake, ledger and prediction log are.
        text: See `parse_reference`.
        model: The model that is meant; None: what the text says, or any that has a folder among the models.

    Raises:
        TerminalError: when the text is no reference, nothing is recorded under it, or it means several things.
        TransientError: when the lake cannot be reached.
    """
    reference = parse_reference(text, model)
    if reference.kind == "word":
        return _trace_word(environment, reference)
    known = _know(environment, str(reference.model))
    return _complete(known, reference.text, reference.kind, _roots(known, reference))


def _know(environment: Environment, model: str) -> _Known:
    facts = read_facts(environment, model)
    return _Known(environment, facts, build(facts))


def _roots(known: _Known, reference: Reference) -> list[str]:
    if reference.kind == "partition":
        return read_day(known.environment, known.graph, known.model, reference.value)
    if reference.kind == "dataset":
        return dataset_versions(known.facts, reference.value)
    if reference.kind == "run":
        return made_by(known.graph, reference.value, reference.dag_id)
    version = _aliased(known, reference) if reference.kind == "alias" else reference.value
    return [version_id(version)] if version_id(version) in known.graph.nodes else []


def _aliased(known: _Known, reference: Reference) -> str:
    moves = alias_moves(known.facts.entries)
    rollout = read_rollout(known.environment.flags_file, known.model)
    named = {"champion": moves[-1].event.to} if moves else {}
    if rollout is not None:
        named["challenger"] = rollout.challenger
    if reference.value not in named:
        raise unknown(
            reference.text,
            f"no version of {known.model} has this alias",
            allowed=", ".join(f"{known.model}@{alias}" for alias in named)
            or "none: no version was released yet",
        )
    return named[reference.value]


def _complete(known: _Known, text: str, kind: str, roots: list[str]) -> Answer:
    """Return the answer, with the partitions that went into the roots and the predictions that came of them."""
    if not roots:
        raise unknown(text, f"nothing of {known.model} is recorded under this reference")
    environment, graph = known.environment, known.graph
    read_partitions(environment, graph, known.model, graph.causes(roots))
    read_answered(environment, graph, known.model, graph.effects(roots))
    read_scored(environment, graph, known.model, graph.effects(roots))
    return Answer(text, kind, known.model, graph, roots)


def _trace_word(environment: Environment, reference: Reference) -> Answer:
    """Look for a word as a prediction's id, and in every model as a run's id or as the start of a digest."""
    looks_made = made_at(reference.value.partition(":")[0]) is not None
    answer = _trace_prediction(environment, reference) if looks_made else None
    if answer is not None:
        return answer
    models = [reference.model] if reference.model else _models(environment)
    found = [
        (known, kind, roots)
        for known in (_know(environment, model) for model in models)
        for kind, roots in meanings(known.graph, known.facts, reference.value).items()
    ]
    if len(found) > 1:
        meant = ", ".join(f"{kind} of {known.model}" for known, kind, _ in found)
        raise unknown(
            reference.text, f"this means several things: {meant}", next_step="add --model MODEL"
        )
    if found:
        known, kind, roots = found[0]
        return _complete(known, reference.text, kind, roots)
    answer = None if looks_made else _trace_prediction(environment, reference)
    if answer is None:
        raise unknown(reference.text)
    return answer


def _trace_prediction(environment: Environment, reference: Reference) -> Answer | None:
    try:
        split_prediction_id(reference.value)
    except ValueError:
        return None
    found = find_prediction(environment, reference.model, reference.value)
    if found is None:
        return _trace_scored(environment, reference)
    known, node = _know(environment, found.model), _prediction_node(found)
    add_prediction(known.graph, node, found.arm, found.time)
    read_partitions(environment, known.graph, known.model, known.graph.causes([node.id]))
    return Answer(reference.text, "prediction", known.model, known.graph, [node.id])


def _trace_scored(environment: Environment, reference: Reference) -> Answer | None:
    models = [reference.model] if reference.model else _models(environment)
    found = find_scored(environment, models, reference.value)
    if found is None:
        return None
    known, node = _know(environment, found.model), _scored_node(found)
    read_scored_day(known.graph, known.model, found.record)
    add_scored_prediction(known.graph, node, found.record)
    read_partitions(environment, known.graph, known.model, known.graph.causes([node.id]))
    return Answer(reference.text, "prediction", known.model, known.graph, [node.id])


def _models(environment: Environment) -> list[str]:
    return [path.parent.name for path in sorted(environment.models.glob("*/model.yaml"))]


def _scored_node(found: FoundScore) -> Node:
    facts = {**found.record.model_dump(mode="json"), **to_jsonable_python(found.row)}
    time = found.record.scored_at.isoformat(timespec="milliseconds")
    return Node(
        f"prediction:{facts['id']}",
        "prediction",
        scored_prediction_title(facts),
        time,
        found.record.run_id,
        found.record.dag_id,
        found.record.model_version,
        facts,
    )


def _prediction_node(found: FoundPrediction) -> Node:
    facts = to_jsonable_python(asdict(found))
    return Node(
        f"prediction:{found.id}",
        "prediction",
        prediction_title(found),
        found.time.isoformat(timespec="milliseconds"),
        version=found.model_version,
        facts=facts,
    )
