"""How often the gate against the champion errs, by comparisons whose truth is known: the A/A check.

For each shipped model of the simulated deliveries, 201 models are trained by the spec's recipe on resampled rows of
one training window. Each is compared with the one before it, on a holdout of its own world: the spec's days, rows,
gate, confidence and resamples. What is true is measured on 280,000 rows of 100 other worlds, each with weather of its
own. Then every challenger is made worse, in two ways, until its true loss is the margin: from there on it must not
pass.
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
from airworthy.evaluation.bootstrap import relative_loss
from airworthy.evaluation.gate_rates import (
    Comparison,
    amount_for,
    duller,
    expected_passes,
    judged,
    loss_of,
    noisier,
    nominal_rate,
    rate_of,
)
from airworthy.features import FeatureSet, check_expressions, fit_features, load_expressions
from airworthy.handover import Window
from airworthy.lake.conform import conform
from airworthy.lake.sources.simulated_deliveries import generate_deliveries
from airworthy.spec import ModelSpec, load_spec
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
# A few large steps instead of many small ones: the recipe is the same for all, and 400 models are trained.
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
        asked = self.spec.ingest.source.model_copy(update=source)
        return conform(generate_deliveries(asked, day), self.spec.ingest, day).rows

    def world(self, seeds: range, rows_per_day: int) -> Rows:
        """Return the holdout's days in these worlds."""
        found = [
            self.raw(day, seed=seed, rows_per_day=rows_per_day)
            for seed in seeds
            for day in self.holdout
        ]
        return Rows(
            np.concatenate([self.set.matrix(day) for day in found]),
            np.concatenate(
                [encode_labels(day[self.spec.ingest.label], self.classes) for day in found]
            ),
            np.repeat(np.arange(len(found)), [day.height for day in found]),
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
                    Path(scratch) / str(place), days, self.set, self.spec.ingest.label, self.classes
                )
                for place, days in enumerate(drawn)
            ]
            return fit_booster(
                self.spec, base_parameters(self.spec, self.classes, QUICK), *stored
            ).booster


def compare(name: str) -> dict[str, list[Comparison]]:
    """Return the comparisons of one model by what was done to the challenger."""
    started = told = time.monotonic()
    model = Deliveries(name)
    truth = model.world(
        range(10_000, 10_000 + TRUTH_WORLDS), TRUTH_ROWS // TRUTH_WORLDS // len(model.holdout)
    )
    champion = model.train(0)
    known = champion.inplace_predict(truth.features)
    found: dict[str, list[Comparison]] = {kind: [] for kind in KINDS}
    for number in range(COMPARISONS):
        challenger = model.train(number + 1)
        told_truth = challenger.inplace_predict(truth.features)
        holdout = model.world(
            range(20_000 + number, 20_001 + number), model.spec.ingest.source.rows_per_day
        )
        pair = [booster.inplace_predict(holdout.features) for booster in (champion, challenger)]
        for kind in KINDS:
            case = one_comparison(
                model.spec, kind, number, truth, (known, told_truth), holdout, pair
            )
            found[kind] += [case] if case else []
        champion, known = challenger, told_truth
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(
                f"{name}: {number + 1} of {COMPARISONS} comparisons after {told - started:.0f} s",
                flush=True,
            )
    return found


def one_comparison(
    spec: ModelSpec,
    kind: str,
    number: int,
    truth: Rows,
    truths: tuple[Array, Array],
    holdout: Rows,
    pair: list[Array],
) -> Comparison | None:
    """Degrade the challenger to the margin, let the gate decide; None when it is beyond the margin as it is."""
    gate = next(
        gate for gate in spec.evaluate.gates if gate.against == "champion" and gate.slice is None
    )
    rules, generator = spec.evaluate, np.random.default_rng([3, number])
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
        return loss_of(
            spec.task, gate.metric, truth.labels, worse, truths[0], rules.decision_threshold
        )

    amount = (
        0.0
        if kind == "retrained"
        else amount_for(loss, gate.margin or 0.0, 3.0 if kind == "noisier" else 0.9)
    )
    if amount is None:
        return None
    challenger = degraded(pair[1], noises[1], amount) if amount else pair[1]
    measured = relative_loss(
        spec.task,
        gate.metric,
        holdout.labels,
        challenger,
        pair[0],
        days=holdout.days,
        threshold=rules.decision_threshold,
        confidence=rules.confidence,
        resamples=rules.resamples,
        seed=number,
    )
    return Comparison(loss(amount), measured, judged(gate, measured, len(holdout.labels)).outcome)


def show(name: str, found: dict[str, list[Comparison]]) -> None:
    """Print one model's rates beside the nominal ones."""
    spec = load_spec(MODELS / name / "model.yaml")
    gate = next(
        gate for gate in spec.evaluate.gates if gate.against == "champion" and gate.slice is None
    )
    margin, confidence = gate.margin or 0.0, spec.evaluate.confidence
    nominal = nominal_rate(confidence)
    how = f"margin {margin:.0%}, {confidence:.0%} interval of {spec.evaluate.resamples} resamples"
    print(f"\n{name}: {gate.name}, {how}")
    print(f"holdout of {spec.train.holdout.days} days x {spec.ingest.source.rows_per_day:,} rows")
    print(
        f"{'challenger':<34}{'is':<16}{'cases':>6}   {'rate, 95 % Wilson interval':<28}{'nominal':>10}"
    )
    equal = [case for case in found["retrained"] if case.true_loss <= margin]
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
        cases = found[kind]
        line(f"{kind}: truly {margin:+.1%}", "falsely passed", "pass", cases, f"{nominal:.1%}")
        line("", "falsely failed", "fail", cases, f"{nominal:.1%}")


def line(challenger: str, what: str, outcome: Any, cases: list[Comparison], nominal: str) -> None:
    """Print one rate."""
    rate = rate_of(outcome, cases)
    shown = f"{rate.share:6.1%}  [{rate.low:.1%}, {rate.high:.1%}]"
    print(f"{challenger:<34}{what:<16}{len(cases):>6}   {shown:<28}{nominal:>10}")


def main(names: list[str]) -> None:
    """Compare each model in a process of its own, and print the tables."""
    with ProcessPoolExecutor(max_workers=2) as pool:
        results = dict(zip(names, pool.map(compare, names), strict=True))
    for name, found in results.items():
        show(name, found)


if __name__ == "__main__":
    main(sys.argv[1:] or ["delivery_eta", "delivery_late"])
