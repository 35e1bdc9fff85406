"""Looking back: challengers as they would have been trained on past days, from a lake of their own.

Nothing here registers a version, moves an alias, or touches the environment's lake: days are ingested into a folder
that is thrown away, by the same functions that a run goes through.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from airworthy.behaviour import load_behaviour
from airworthy.bundle import ModelBundle
from airworthy.days import DAY, floor_day, midnight
from airworthy.errors import TerminalError
from airworthy.evaluation.evaluate_gates import Judged, evaluate_challenger
from airworthy.evaluation.holdout import score_holdout
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.lake.lake import open_lake
from airworthy.stages.ingest import ingest
from airworthy.training.baseline import BaselineModel
from airworthy.training.fitting import (
    Material,
    fit_baseline_beside,
    fit_challenger,
    gather_material,
)
from airworthy.training.idempotency_key import idempotency_key

Known = Callable[[str], ModelBundle | None]


@dataclass(frozen=True)
class ReplayedModel:
    """A challenger as of a past day: what it was made from, the model, and the baseline beside it.

    `key` is that under which it would be registered.
    """

    as_of: datetime
    key: str
    material: Material
    bundle: ModelBundle
    baseline: BaselineModel


class Past:
    """A model's past days, brought into a lake in a folder that the caller throws away."""

    def __init__(self, job: Job, folder: Path) -> None:
        """Keep whose past it is. Of the job's run, only its `as_of` is replaced."""
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

    def gather(self, start: datetime, end: datetime) -> DatasetRef:
        """Bring the days of ``[start, end)`` into the lake, UTC midnights; none before the spec's start.

        Raises:
            TerminalError: when `end` is outside the spec's days, or the source has nothing at all.
            TransientError: when the source cannot be reached.
        """
        train = self.spec.train.model_copy(update={"lookback": end - start})
        job = self.job(end)
        return ingest(Job(self.spec.model_copy(update={"train": train}), job.environment, job.run))

    def challenger(self, as_of: datetime, known: Known = lambda key: None) -> ReplayedModel:
        """Train a challenger as of a past day whose window was gathered: the spec's features, rounds and search.

        Args:
            as_of: A UTC midnight.
            known: Returns a model that was made before from the same data, code and parameters, by its key.

        Raises:
            TerminalError: when there is too little to learn from.
        """
        job = self.job(as_of)
        dataset = ingest(job)
        material = gather_material(job, self._lake, dataset)
        key = idempotency_key(job, dataset)
        bundle = known(key) or self._fit(material)
        return ReplayedModel(as_of, key, material, bundle, fit_baseline_beside(material))

    def _fit(self, material: Material) -> ModelBundle:
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            return material.bundle(fit_challenger(material, Path(scratch))[0])

    def frames(self, dataset: DatasetRef, start: datetime, end: datetime) -> Iterator[pl.DataFrame]:
        """Return a dataset version's days in ``[start, end)``, UTC midnights, one in memory at a time."""
        for day in sorted(dataset.partitions):
            if start.date() <= date.fromisoformat(day) < end.date():
                yield self._lake.read_partition(dataset, date.fromisoformat(day))

    def judge(self, challenger: ReplayedModel, champion: ReplayedModel | None) -> Judged:
        """Put a challenger to the spec's gates on its own holdout, as the evaluate stage does.

        Raises:
            TerminalError: when the holdout has no labelled row, or ``behaviour.py`` cannot be used.
        """
        material = challenger.material
        behaviour = load_behaviour(material.job.folder, self.spec.model)
        bundles = {"challenger": challenger.bundle} | (
            {"champion": champion.bundle} if champion else {}
        )
        bounds = material.bounds
        frames = material.partitions(bounds.holdout_start, bounds.end)
        scored = score_holdout(self.spec, frames, bundles, challenger.baseline)
        if scored is None:
            raise TerminalError(
                "the holdout has no labelled row",
                model=self.spec.model,
                received=f"0 rows in [{bounds.holdout_start:%Y-%m-%d}, {bounds.end:%Y-%m-%d})",
                allowed="at least 1 row",
                next_step="look at the source's labels",
            )
        return evaluate_challenger(
            self.spec, behaviour, challenger.bundle, scored.priced(self.spec, behaviour), {}
        )


def newest_end(job: Job) -> datetime:
    """Return the end of the newest complete day that a model has by a run's `as_of`: the source's own clock.

    Raises:
        TerminalError: when there is none yet.
    """
    end, first = (
        floor_day(job.run.as_of),
        job.spec.start,
    )
    if end <= midnight(first):
        raise TerminalError(
            "the model has no complete day yet",
            model=job.spec.model,
            received=f"as of {end:%Y-%m-%d}",
            allowed=f"after {first}, its first day with data",
            next_step="look back from a later day, or correct start",
        )
    return end if job.spec.end is None else min(end, midnight(job.spec.end) + DAY)
