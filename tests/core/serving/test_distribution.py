"""The server's metrics of its predictions."""

from __future__ import annotations

import math
from itertools import pairwise

import httpx
import numpy as np
import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from airworthy.release.server_client import split_body
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_distribution import (
    NUMBER_BOUNDS,
    PROBABILITY_BOUNDS,
    Distribution,
)

from .conftest import CLASSES, FolderRegistry

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def version(registry: FolderRegistry) -> LoadedModel:
    """A version with numbers as predictions."""
    return LoadedModel.load("eta", "1", *registry.bundle("eta", "1"))


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a name: label values in the order of their labels' names -> value."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_every_prediction_is_counted_once_in_its_bin(version: LoadedModel) -> None:
    """Bounds rise, counts never fall, and each bound's count is the number of predictions up to it;
    NaN is none.
    """
    rng = np.random.default_rng(1)
    values = [*rng.normal(20.0, 6.0, 10_000).tolist(), -3.0, 0.0, 1e12, -1e12, 25.0, math.nan]
    distribution = Distribution(version)
    for start in range(0, len(values), 700):
        distribution.extend(values[start : start + 700])
    bounds = [(float(bound), count) for bound, count in distribution.buckets()]
    assert all(low[0] < high[0] and low[1] <= high[1] for low, high in pairwise(bounds))
    assert bounds == [
        (bound, sum(value <= bound for value in values)) for bound, _ in bounds[:-1]
    ] + [(math.inf, len(values) - 1)]
    assert distribution.sum == pytest.approx(sum(values[:-1]))


def test_only_bounds_that_tell_something_are_shown(version: LoadedModel) -> None:
    """A model with predictions between 20 and 30 has a handful of series, not one for every bound."""
    distribution = Distribution(version)
    distribution.extend([20.5, 29.0])
    assert distribution.buckets() == [("20.0", 0.0), ("25.0", 1.0), ("30.0", 2.0), ("+Inf", 2.0)]


def test_bounds_are_close_enough_to_see_a_shift() -> None:
    """Two neighbours are a third apart at most, and probabilities have a bound at each twentieth."""
    positive = NUMBER_BOUNDS[NUMBER_BOUNDS > 0]
    assert (positive[1:] / positive[:-1]).max() < 1.34
    assert (np.diff(NUMBER_BOUNDS) > 0).all()
    assert np.diff(PROBABILITY_BOUNDS).max() < 0.0501


def test_the_server_shows_what_it_predicted(http: httpx.Client, rows: pl.DataFrame) -> None:
    """Numbers and probabilities come as a histogram by model, version and arm; classes are counted
    by name.
    """
    expected = {}
    for model in ("eta", "late", "status"):
        before = http.get("/metrics").text
        answer = http.post(
            f"/models/{model}/invocations", content=split_body(rows), headers=JSON
        ).json()
        expected[model] = (before, http.get("/metrics").text, answer["predictions"])
    for model in ("eta", "late"):
        before, after, predictions = expected[model]
        key = ("champion", model, "1")
        for name, figure in (("count", len(predictions)), ("sum", sum(predictions))):
            metric = f"airworthy_prediction_value_{name}"
            assert samples(after, metric)[key] - samples(before, metric).get(
                key, 0.0
            ) == pytest.approx(figure)
    before, after, predictions = expected["status"]
    names = [CLASSES["multiclass"][int(np.argmax(each))] for each in predictions]
    for name in CLASSES["multiclass"]:
        key4 = ("champion", name, "status", "1")
        risen = samples(after, "airworthy_predicted_class_total")[key4] - samples(
            before, "airworthy_predicted_class_total"
        ).get(key4, 0.0)
        assert risen == names.count(name)
