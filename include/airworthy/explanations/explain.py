"""Explains one prediction: computes it again from its raw row, with each feature's contribution."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from airworthy.arrays import Array
from airworthy.bundle import ModelBundle
from airworthy.environment import Environment
from airworthy.explanations.contributions import answers_of_sums, contributions, link_of
from airworthy.explanations.find_answer import Answer
from airworthy.features import polars_schema
from airworthy.registry.registry import open_registry
from airworthy.serving.loaded_model import LoadedModel


@dataclass(frozen=True)
class FeatureContribution:
    """One feature of a prediction.

    Attributes:
        name: The feature's name.
        value: Its value before encoding.
        contribution: Its part of the trees' sum; of a multiclass model one for each class.
    """

    name: str
    value: Any
    contribution: float | list[float]


@dataclass(frozen=True)
class Explanation:
    """One prediction, explained.

    Attributes:
        answer: The answered row.
        task: The model's task.
        classes: The classes of a multiclass model, in the order of the numbers.
        features: Its features, those with the greatest contribution first.
        bias: The part of the trees' sum that is the same for each row.
        sum: The sum of bias and contributions.
        link: The function from the sum to the answer: ``identity``, ``exponential``,
            ``logistic`` or ``softmax``.
        answer_of_sum: The answer by sum and link.
        recomputed: The answer that the version gives now.
    """

    answer: Answer
    task: str
    classes: list[str]
    features: list[FeatureContribution]
    bias: float | list[float]
    sum: float | list[float]
    link: str
    answer_of_sum: float | list[float]
    recomputed: Any

    @property
    def is_same(self) -> bool:
        """Tell whether the version gives the logged answer again, bit for bit."""
        return bool(self.recomputed == self.answer.value)

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as JSON values: times in ISO 8601."""
        return asdict(self) | {"is_same": self.is_same}


def explain_answer(environment: Environment, answer: Answer) -> Explanation:
    """Explain an answered row by the version that answered it.

    Raises:
        TerminalError: when the version's files are not those that the ledger names.
        TransientError: when MLflow cannot be reached.
    """
    folder, _ = open_registry(environment).bundle(answer.model, answer.version)
    return explain(LoadedModel.load(answer.model, answer.version, folder, answer.digest), answer)


def explain(version: LoadedModel, answer: Answer) -> Explanation:
    """Explain an answered row by its loaded version. Pure."""
    bundle = version.bundle
    inputs = bundle.manifest.inputs
    frame = pl.DataFrame(
        {name: [answer.row.get(name)] for name in inputs}, schema=polars_schema(inputs)
    )
    parts = contributions(bundle, bundle.features.matrix(frame))[0]
    recomputed = version.predict_columns([frame[name].to_list() for name in inputs])[0]
    return Explanation(
        answer=answer,
        task=bundle.manifest.task,
        classes=bundle.manifest.classes,
        features=_features(bundle, frame, parts),
        bias=parts[..., -1].tolist(),
        sum=parts.sum(axis=-1).tolist(),
        link=link_of(bundle).__name__,
        answer_of_sum=answers_of_sums(bundle, parts).tolist(),
        recomputed=recomputed,
    )


def _features(bundle: ModelBundle, frame: pl.DataFrame, parts: Array) -> list[FeatureContribution]:
    values = bundle.features.values(frame).row(0, named=True)
    found = [
        FeatureContribution(name, values[name], parts[..., index].tolist())
        for index, name in enumerate(bundle.features.names)
    ]
    return sorted(found, key=_weight, reverse=True)


def _weight(feature: FeatureContribution) -> float:
    parts = feature.contribution
    return max(map(abs, parts)) if isinstance(parts, list) else abs(parts)
