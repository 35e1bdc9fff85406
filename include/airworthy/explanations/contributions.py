"""Each feature's contribution to a prediction, computed by XGBoost itself. Pure.

The contributions are TreeSHAP values: Lundberg et al., "From local explanations to global
understanding with explainable AI for trees", Nature Machine Intelligence 2 (2020). With the bias,
they sum to the trees' sum. The objective's link turns this sum into the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost

from airworthy.arrays import Array
from airworthy.bundle import ModelBundle

if TYPE_CHECKING:
    from airworthy.features import Feature

Matrix = np.ndarray[Any, np.dtype[np.float32]]
Link = Callable[[Array], Array]


def identity(sums: Array) -> Array:
    """Return the sums: the answer is the trees' sum."""
    return sums


def exponential(sums: Array) -> Array:
    """Return ``exp(sum)``."""
    return np.asarray(np.exp(sums))


def logistic(sums: Array) -> Array:
    """Return the probability of each sum of log odds."""
    return np.asarray(1 / (1 + np.exp(-sums)))


def softmax(sums: Array) -> Array:
    """Return the probabilities of the classes: the last axis."""
    powers = np.exp(sums - sums.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


LINKS: dict[str, Link] = {
    "reg:squarederror": identity,
    "reg:absoluteerror": identity,
    "reg:pseudohubererror": identity,
    "reg:squaredlogerror": identity,
    "reg:quantileerror": identity,
    "reg:gamma": exponential,
    "reg:tweedie": exponential,
    "count:poisson": exponential,
    "binary:logistic": logistic,
    "multi:softprob": softmax,
}
"""The link of each objective that a spec may name."""


def link_of(bundle: ModelBundle) -> Link:
    """Return the link of a bundle's objective."""
    config = json.loads(bundle.booster.save_config())
    return LINKS[config["learner"]["objective"]["name"]]


def contributions(bundle: ModelBundle, matrix: Matrix) -> Array:
    """Return each feature's contribution, and the bias as the last one.

    Args:
        bundle: The version's bundle.
        matrix: The encoded features, of shape (rows, features).

    Returns:
        Shape (rows, features + 1); of a multiclass model (rows, classes, features + 1).
    """
    features: list[Feature] = bundle.features.features
    rows = xgboost.DMatrix(
        matrix,
        feature_names=bundle.booster.feature_names,
        feature_types=["c" if feature.kind == "category" else "q" for feature in features],
        enable_categorical=True,
    )
    return np.asarray(bundle.booster.predict(rows, pred_contribs=True), dtype=np.float64)


def answers_of_sums(bundle: ModelBundle, parts: Array) -> Array:
    """Return the answers that contributions of `contributions` sum to.

    Returns:
        Shape (rows,), or (rows, classes).
    """
    return link_of(bundle)(parts.sum(axis=-1))
