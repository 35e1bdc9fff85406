"""The replay of past days: challengers as of these days, trained from a separate lake.

Nothing here registers a version, moves an alias, or changes the environment's lake. Days are
ingested into a temporary folder, by the same functions as in a run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from airworthy.behaviour import load_behaviour
from airworthy.bundle import ModelBundle
from airworthy.days import DAY, floor_day, midnight
from airworthy.errors import TerminalError
from airworthy.evaluation.evaluate_challenger import EvaluatedGates, evaluate_challenger
from airworthy.evaluation.holdout import score_holdout
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.lake.lake import open_lake
from airworthy.stages.ingest import ingest
from airworthy.training.baseline import BaselineModel
from airworthy.training.fitting import (
    TrainingData,
    fit_challenger,
    fit_spec_baseline,
    prepare_training_data,
)
from airworthy.training.idempotency_key import idempotency_key

FindBundle = Callable[[str], ModelBundle | None]  # idempotency key -> an existing model


@dataclass(frozen=True)
class ReplayedModel:
    """A challenger as of a past day, with its data and the baseline.

    `key` is the idempotency key that its version would have.
    """

    as_of: datetime
    key: str
    data: TrainingData
    bundle: ModelBundle
    baseline: BaselineModel


class Replay:
    """A model's past days, in a lake in a temporary folder of the caller."""

    def __init__(self, job: Job, folder: Path) -> None:
        """Keep the job; of its run, only `as_of` is replaced."""
        self.folder = folder
        self.spec = job.spec
        self._environment = job.environment.model_copy(
            update={"state": folder, "lake": str(folder / "lake")}
        )
        self._run = job.run.model_copy(update={"reason": "backfill", "promote": "never"})
        self._lake = open_lake(self._environment, job.spec.model)

    def job(self, as_of: datetime) -> Job:
        """Return the job of a run as of a past day."""
        return Job(self.spec, self._environment, self._run.model_copy(update={"as_of": as_of}))

    def ingest_days(self, start: datetime, end: datetime) -> DatasetRef:
        """Ingest the days of ``[start, end)``, UTC midnights.

        Days before the spec's start are left out.

        Raises:
            TerminalError: when `end` is outside the spec's days, or the source has nothing at all.
            TransientError: when the source cannot be reached.
        """
        train = self.spec.train.model_copy(update={"lookback": end - start})
        job = self.job(end)
        return ingest(Job(self.spec.model_copy(update={"train": train}), job.environment, job.run))

    def train_challenger(
        self, as_of: datetime, find_bundle: FindBundle | None = None
    ) -> ReplayedModel:
        """Train a challenger as of a past day with the spec's features, rounds and search.

        Args:
            as_of: A UTC midnight. Its window's days are ingested.
            find_bundle: Returns an existing model of the same data, code and parameters, by its
                key.

        Raises:
            TerminalError: when there are too few rows to learn from.
        """
        job = self.job(as_of)
        dataset = ingest(job)
        data = prepare_training_data(job, self._lake, dataset)
        key = idempotency_key(job, dataset)
        bundle = (find_bundle(key) if find_bundle else None) or self._fit(data)
        return ReplayedModel(as_of, key, data, bundle, fit_spec_baseline(data))

    def _fit(self, data: TrainingData) -> ModelBundle:
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            return data.bundle(fit_challenger(data, Path(scratch))[0])

    def partitions(
        self, dataset: DatasetRef, start: datetime, end: datetime
    ) -> Iterator[pl.DataFrame]:
        """Yield a dataset version's days in ``[start, end)``, one in memory at a time.

        Args:
            dataset: One in this lake.
            start: A UTC midnight.
            end: A UTC midnight, exclusive.
        """
        for day in dataset.partition_days(start, end):
            yield self._lake.read_partition(dataset, day, start, end)

    def evaluate(self, challenger: ReplayedModel, champion: ReplayedModel | None) -> EvaluatedGates:
        """Evaluate the spec's gates on a challenger's holdout, as the evaluate stage does.

        Raises:
            TerminalError: when the holdout has no labelled row, or ``behaviour.py`` cannot be used.
        """
        data = challenger.data
        behaviour = load_behaviour(data.job.folder, self.spec.model)
        bundles = {"challenger": challenger.bundle}
        if champion:
            bundles["champion"] = champion.bundle
        bounds = data.bounds
        frames = data.partitions(bounds.holdout_start, bounds.end)
        scored = score_holdout(self.spec, frames, bundles, challenger.baseline)
        if scored is None:
            raise TerminalError(
                "the holdout has no labelled row",
                model=self.spec.model,
                received=f"0 rows in [{bounds.holdout_start:%Y-%m-%d}, {bounds.end:%Y-%m-%d})",
                allowed="at least 1 row",
                next_step="look at the source's labels",
            )
        scored = scored.with_costs(self.spec, behaviour)
        return evaluate_challenger(self.spec, behaviour, bundles, scored, {})


def newest_end(job: Job) -> datetime:
    """Return the end of the model's newest complete day as of the run, a UTC midnight.

    Raises:
        TerminalError: when there is none yet.
    """
    end, first = floor_day(job.run.as_of), job.spec.start
    if end <= midnight(first):
        raise TerminalError(
            "the model has no complete day yet",
            model=job.spec.model,
            received=f"as of {end:%Y-%m-%d}",
            allowed=f"after {first}, its first day with data",
            next_step="look back from a later day, or correct start",
        )
    return end if job.spec.end is None else min(end, midnight(job.spec.end) + DAY)
