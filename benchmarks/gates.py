"""Error rates of the gate against the champion, by comparisons with a known truth: the A/A check.

For each shipped model of the simulated deliveries, 201 models are trained by the spec's recipe on
resampled rows of one training window. Each is compared with the one before it, on a holdout of its
own world: the spec's days, rows, gate, confidence and resamples. The truth is measured on 280,000
rows of 100 other worlds, each with its own weather. Then every challenger is made worse, in two
ways, until its true loss is the margin: from there on it must not pass.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.evaluation.bootstrap import BootstrapSettings, relative_loss
from airworthy.evaluation.gate_rates import (
    Comparison,
    amount_for,
    duller,
    evaluate_gate,
    expected_passes,
    loss_of,
    noisier,
    nominal_rate,
    rate_of,
)
from airworthy.evaluation.task_metrics import TaskMetric
from airworthy.features import FeatureSet, check_expressions, fit_features, load_expressions
from airworthy.handover import Window
from airworthy.lake.conform import conform
from airworthy.lake.sources.simulated_deliveries import generate_deliveries
from airworthy.spec import ModelSpec, load_spec
from airworthy.spec.sources_part import SimulatorSource
from airworthy.training.time_split import split_window
from airworthy.training.train_booster import base_parameters, fit_booster
from airworthy.training.training_labels import encode_labels
from airworthy.training.training_rows import store_rows

MODELS = Path(__file__).resolve().parents[1] / "include" / "models"
AS_OF = datetime(2026, 3, 20, tzinfo=UTC)
COMPARISONS = 200
TRUTH_WORLDS = 100
TRUTH_ROWS = 280_000
KINDS = ("retrained", "noisier", "duller")
# A few large steps instead of many small ones: the recipe is the same for all, and 400 models are
# trained.
QUICK = {"learning_rate": 0.3, "nthread": 1}


@dataclass(frozen=True)
class Rows:
    """Feature rows of some days, shape (rows, features), with their labels and days."""

    features: Array
    labels: Array
    days: Array


class Deliveries:
    """One model's recipe, and worlds without end to try it in: a world is a seed of the simulator."""

    def __init__(self, name: str) -> None:
        """Read the spec and fit the features on the training window."""
        self.spec: ModelSpec = load_spec(MODELS / name / "model.yaml")
        path = MODELS / name / "features.py"
        expressions = load_expressions(path)
        types = check_expressions(expressions, self.spec.inputs, path)
        bounds = split_window(self.spec, Window.ending(AS_OF, self.spec.train.lookback))
        self.classes = ["0", "1"] if self.spec.task == "binary" else []
        self.holdout = Window(start=bounds.holdout_start, end=bounds.end).days
        learning = Window(start=bounds.start, end=bounds.tuning_start).days
        tuning = Window(start=bounds.tuning_start, end=bounds.holdout_start).days
        self.parts = [[self.raw(day) for day in part] for part in (learning, tuning)]
        self.set = FeatureSet(
            expressions, fit_features(expressions, types, [day.lazy() for day in self.parts[0]])
        )

    def raw(self, day: date, **source: int) -> pl.DataFrame:
        """Return the rows of a day as the lake would hold them."""
        simulator = simulator_of(self.spec).model_copy(update=source)
        return conform(generate_deliveries(simulator, day), self.spec.ingest, day).rows

    def world(self, seeds: range, rows_per_day: int) -> Rows:
        """Return the holdout's days in these worlds."""
        frames = [
            self.raw(day, seed=seed, rows_per_day=rows_per_day)
            for seed in seeds
            for day in self.holdout
        ]
        return Rows(
            np.concatenate([self.set.matrix(day) for day in frames]),
            np.concatenate(
                [encode_labels(day[self.spec.ingest.label], self.classes) for day in frames]
            ),
            np.repeat(np.arange(len(frames)), [day.height for day in frames]),
        )

    def train(self, seed: int) -> Any:
        """Return a booster of the recipe, from rows drawn with replacement within each day."""
        generator = np.random.default_rng([self.spec.train.seed, seed])
        drawn = [
            [day[np.sort(generator.integers(day.height, size=day.height))] for day in part]
            for part in self.parts
        ]
        with tempfile.TemporaryDirectory() as scratch:
            stored = [
                store_rows(
                    Path(scratch) / str(index), days, self.set, self.spec.ingest.label, self.classes
                )
                for index, days in enumerate(drawn)
            ]
            return fit_booster(
                self.spec,
                base_parameters(self.spec, self.classes, QUICK),
                stored[0],
                stored[1],
            ).booster


def simulator_of(spec: ModelSpec) -> SimulatorSource:
    """Return the source of a model with simulated data."""
    source = spec.ingest.source
    assert isinstance(source, SimulatorSource)
    return source


def compare(name: str) -> dict[str, list[Comparison]]:
    """Return the comparisons of one model by the challenger's change."""
    started = printed = time.monotonic()
    model = Deliveries(name)
    truth = model.world(
        range(10_000, 10_000 + TRUTH_WORLDS), TRUTH_ROWS // TRUTH_WORLDS // len(model.holdout)
    )
    champion = model.train(0)
    champion_truth = champion.inplace_predict(truth.features)
    comparisons: dict[str, list[Comparison]] = {kind: [] for kind in KINDS}
    for number in range(COMPARISONS):
        challenger = model.train(number + 1)
        challenger_truth = challenger.inplace_predict(truth.features)
        holdout = model.world(
            range(20_000 + number, 20_001 + number), simulator_of(model.spec).rows_per_day
        )
        pair = [booster.inplace_predict(holdout.features) for booster in (champion, challenger)]
        for kind in KINDS:
            case = one_comparison(
                model.spec, kind, number, truth, (champion_truth, challenger_truth), holdout, pair
            )
            comparisons[kind] += [case] if case else []
        champion, champion_truth = challenger, challenger_truth
        if time.monotonic() - printed > 5:
            printed = time.monotonic()
            print(
                f"{name}: {number + 1} of {COMPARISONS} comparisons after {printed - started:.0f} s",
                flush=True,
            )
    return comparisons


def one_comparison(
    spec: ModelSpec,
    kind: str,
    number: int,
    truth: Rows,
    truths: tuple[Array, Array],
    holdout: Rows,
    pair: list[Array],
) -> Comparison | None:
    """Degrade the challenger to the margin and evaluate the gate; None when it is already beyond
    the margin.

    Args:
        spec: The model's spec.
        kind: The challenger's change.
        number: Of the comparison.
        truth: Rows of the other worlds.
        truths: Predictions of both models for them.
        holdout: The holdout's rows.
        pair: Predictions of both models for them.
    """
    gate = next(
        gate for gate in spec.evaluate.gates if gate.against == "champion" and gate.slice is None
    )
    metric = TaskMetric(spec.task, gate.metric, spec.evaluate.decision_threshold)
    generator = np.random.default_rng([3, number])
    noises = [generator.standard_normal(len(rows.labels)) for rows in (truth, holdout)]
    mean = float(truth.labels.mean())

    def degraded(predictions: Array, noise: Array, amount: float) -> Array:
        return (
            noisier(spec.task, predictions, noise, amount)
            if kind == "noisier"
            else duller(predictions, mean, amount)
        )

    def loss(amount: float) -> float:
        worse = degraded(truths[1], noises[0], amount) if amount else truths[1]
        return loss_of(metric, truth.labels, worse, truths[0])

    amount = (
        0.0
        if kind == "retrained"
        else amount_for(loss, gate.margin or 0.0, 3.0 if kind == "noisier" else 0.9)
    )
    if amount is None:
        return None
    challenger = degraded(pair[1], noises[1], amount) if amount else pair[1]
    measured = relative_loss(
        metric,
        holdout.labels,
        challenger,
        pair[0],
        days=holdout.days,
        settings=BootstrapSettings(spec.evaluate.confidence, spec.evaluate.resamples, seed=number),
    )
    return Comparison(
        loss(amount), measured, evaluate_gate(gate, measured, len(holdout.labels)).outcome
    )


def show(name: str, comparisons: dict[str, list[Comparison]]) -> None:
    """Print one model's rates beside the nominal ones."""
    spec = load_spec(MODELS / name / "model.yaml")
    gate = next(
        gate for gate in spec.evaluate.gates if gate.against == "champion" and gate.slice is None
    )
    margin, confidence = gate.margin or 0.0, spec.evaluate.confidence
    nominal = nominal_rate(confidence)
    how = f"margin {margin:.0%}, {confidence:.0%} interval of {spec.evaluate.resamples} resamples"
    print(f"\n{name}: {gate.name}, {how}")
    print(f"holdout of {spec.train.holdout.days} days x {simulator_of(spec).rows_per_day:,} rows")
    print(
        f"{'challenger':<34}{'is':<16}{'cases':>6}   {'rate, 95 % Wilson interval':<28}{'nominal':>10}"
    )
    equal = [case for case in comparisons["retrained"] if case.true_loss <= margin]
    power = expected_passes(equal, margin, confidence)
    ends = (min(case.true_loss for case in equal), max(case.true_loss for case in equal))
    line(
        f"retrained: truly {ends[0]:+.1%} to {ends[1]:+.1%}",
        "falsely failed",
        "fail",
        equal,
        f"<= {nominal:.1%}",
    )
    line("", "passed", "pass", equal, f"~ {power:.1%}")
    line("", "inconclusive", "inconclusive", equal, f"~ {1 - power:.1%}")
    for kind in KINDS[1:]:
        cases = comparisons[kind]
        line(f"{kind}: truly {margin:+.1%}", "falsely passed", "pass", cases, f"{nominal:.1%}")
        line("", "falsely failed", "fail", cases, f"{nominal:.1%}")


def line(challenger: str, what: str, outcome: Any, cases: list[Comparison], nominal: str) -> None:
    """Print one rate.

    Args:
        challenger: Its change.
        what: Its true state.
        outcome: The counted outcome.
        cases: The comparisons.
        nominal: The stated rate.
    """
    rate = rate_of(outcome, cases)
    shown = f"{rate.share:6.1%}  [{rate.low:.1%}, {rate.high:.1%}]"
    print(f"{challenger:<34}{what:<16}{len(cases):>6}   {shown:<28}{nominal:>10}")


def main(names: list[str]) -> None:
    """Compare each model in a process of its own, and print the tables."""
    with ProcessPoolExecutor(max_workers=2) as pool:
        results = dict(zip(names, pool.map(compare, names), strict=True))
    for name, comparisons in results.items():
        show(name, comparisons)


if __name__ == "__main__":
    main(sys.argv[1:] or ["delivery_eta", "delivery_late"])
