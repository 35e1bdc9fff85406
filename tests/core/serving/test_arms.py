"""An arm's figures for the guard: samples, latencies, losses; and shadows beyond the queue."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sklearn.metrics import log_loss

from airworthy.bundle import Manifest
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_quality import PredictionQuality
from airworthy.serving.reservoir import Reservoir
from airworthy.serving.rollout_arms import Arm
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.serving.shadow_queue import Shadow, ShadowQueue

from .conftest import CLASSES, INPUTS, FolderRegistry


def manifest(task: str) -> Manifest:
    """Return the manifest of a model."""
    return Manifest(model="eta", task=task, inputs=INPUTS, features=[], classes=CLASSES[task])


@pytest.mark.parametrize("share", [1, 7, 250], ids="by {}".format)
def test_a_reservoir_is_a_uniform_sample(share: int) -> None:
    """Early and late values have the same chance, however many come at once."""
    kept = np.zeros(1000)
    for seed in range(200):
        reservoir: Reservoir[int] = Reservoir(100, seed)
        for start in range(0, 1000, share):
            reservoir.extend(range(start, min(start + share, 1000)))
        assert (reservoir.count, len(set(reservoir.values))) == (1000, 100)
        kept[reservoir.values] += 1
    by_hundred = kept.reshape(10, 100).sum(axis=1) / (200 * 100)
    assert np.allclose(by_hundred, 0.1, atol=0.01)


def test_a_reservoir_that_is_not_full_holds_everything() -> None:
    """Nothing is lost as long as there is room."""
    reservoir: Reservoir[int] = Reservoir(100)
    for start in range(0, 98, 7):
        reservoir.extend(range(start, start + 7))
    assert reservoir.values == list(range(98))


def test_an_arm_counts_requests_rows_and_latency(registry: FolderRegistry) -> None:
    """Percentiles are in milliseconds; of multiclass predictions the sample holds the most probable
    class.
    """
    arm = Arm("1")
    loaded = LoadedModel.load("status", "1", *registry.bundle("status", "1"))
    for number in range(100):
        arm.record_answer(
            f"id-{number}", loaded, [[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], 0.001 * (number + 1)
        )
    arm.record_failure()
    described = arm.describe()
    assert (described["requests"], described["errors"], described["rows"]) == (101, 1, 200)
    assert (described["p50_ms"], described["p99_ms"]) == (pytest.approx(51.0), pytest.approx(100.0))
    assert described["predictions"] == [1.0, 0.0] * 100
    arm.record_answer("no number", loaded, [float("nan"), float("inf"), 3.0], 0.001)
    assert arm.describe()["predictions"][200:] == [None, None, 3.0]


def test_losses_are_those_of_the_labels_that_came() -> None:
    """Squared error and log loss as scikit-learn has it; each prediction counts once, unknown ids
    and classes never.
    """
    quality = PredictionQuality(manifest("regression"))
    quality.add_predictions("a", [1.0, 5.0])
    assert [
        quality.join_label("a", 1, 8),
        quality.join_label("a", 1, 8),
        quality.join_label("a", 2, 8),
    ] == [
        True,
        False,
        False,
    ]
    assert [quality.join_label("b", 0, 8), quality.join_label("a", 0, 2)] == [False, True]
    assert quality.labels == 2
    assert quality.mean_loss == pytest.approx((9 + 1) / 2)
    assert quality.loss_sd == pytest.approx(np.std([9, 1], ddof=1))

    quality = PredictionQuality(manifest("binary"))
    quality.add_predictions("a", [0.9, 0.2, 1.0])
    for row, label in enumerate((1, False, 0)):
        assert quality.join_label("a", row, label)
    certain = 1 - 2.0**-23
    assert quality.mean_loss == pytest.approx(log_loss([1, 0, 0], [0.9, 0.2, certain]), rel=1e-6)

    quality = PredictionQuality(manifest("multiclass"))
    rows = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.2, 0.3, 0.5]]
    quality.add_predictions("a", rows)
    labels = ["early", "late", "never"]
    assert [quality.join_label("a", row, label) for row, label in enumerate(labels)] == [
        True,
        True,
        False,
    ]
    assert quality.mean_loss == pytest.approx(log_loss([0, 1], rows[:2], labels=[0, 1, 2]))


def test_only_recent_predictions_wait_for_labels() -> None:
    """Memory is bounded: the oldest go first, and a request over the whole room keeps a part."""
    quality = PredictionQuality(manifest("regression"), max_rows=10)
    for number in range(6):
        quality.add_predictions(f"id-{number}", [float(number)] * 2)
    assert [quality.join_label(f"id-{number}", 1, 0.0) for number in range(6)] == [
        False,
        True,
        True,
        True,
        True,
        True,
    ]
    quality.add_predictions("large", [1.0] * 50)
    assert [quality.join_label("large", row, 0.0) for row in (9, 10)] == [True, False]
    assert not quality.join_label("id-5", 0, 0.0)


def test_shadows_that_are_too_many_are_dropped_and_counted(registry: FolderRegistry) -> None:
    """A full queue, by number or by bytes, takes no more; waiting requests are sent in order."""
    loaded = LoadedModel.load("eta", "1", *registry.bundle("eta", "1"))
    metrics = ServerMetrics()
    requested: list[str] = []

    def shadow(name: str, size: int) -> Shadow:
        return Shadow(None, loaded, name, "", b"x" * size)  # type: ignore[arg-type]

    async def run() -> None:
        done = asyncio.Event()

        async def ask(one: Shadow) -> None:
            requested.append(one.request_id)
            if one.request_id == "b":
                raise RuntimeError("one that fails stops no other")
            if len(requested) == 3:
                done.set()

        queue = ShadowQueue(ask, metrics, small_bytes=10, max_waiting=3, max_bytes=100)
        for name, size in (("a", 1), ("too large", 100), ("b", 90), ("c", 1), ("too many", 1)):
            queue.offer(shadow(name, size))
        task = asyncio.create_task(queue.run())
        await asyncio.wait_for(done.wait(), 30)
        task.cancel()

    asyncio.run(run())
    assert requested == ["a", "b", "c"]
    assert 'airworthy_shadows_dropped_total{model="eta",version="1"} 2.0' in metrics.text().decode()
