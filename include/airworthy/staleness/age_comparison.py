"""Trains challengers of several ages, and scores them on the fresh one's holdout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from airworthy.bundle import ModelBundle
from airworthy.days import DAY, midnight
from airworthy.errors import TerminalError
from airworthy.evaluation.holdout import ScoredHoldout, score_holdout
from airworthy.ledger import Entry
from airworthy.ledger.registered_versions import registration_of
from airworthy.progress import Progress
from airworthy.registry.registry import Registry
from airworthy.replay import Replay, ReplayedModel
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.staleness.curve import SkippedAge, holdout_ends

FRESH = "challenger"  # score_holdout takes the rows and the classes of this role


class RegisteredModels:
    """Registered versions: a challenger with the key of one need not be trained again."""

    def __init__(self, registry: Registry, model: str, entries: Sequence[Entry]) -> None:
        """Use a model's versions.

        `reused` maps the keys found so far to their versions.

        Args:
            registry: Has the files.
            model: The model.
            entries: Its ledger. Only versions that it registered are used, with those files.
        """
        self._registry, self._model, self._entries = registry, model, entries
        self.reused: dict[str, str] = {}

    def __call__(self, key: str) -> ModelBundle | None:
        """Return the model registered under an idempotency key; None when there is none.

        Raises:
            TerminalError: when its files are not those that the ledger registered.
        """
        versions = self._registry.versions(self._model, key)
        registered = registration_of(self._entries, str(versions[0].version)) if versions else None
        if registered is None or registered.bundle_digest is None:
            return None
        self.reused[key] = registered.version
        folder, _ = self._registry.bundle(self._model, registered.version)
        return ModelBundle.load(folder, registered.bundle_digest)


@dataclass(frozen=True)
class StalenessPlan:
    """The comparisons to make.

    Attributes:
        end: The `as_of` of the newest fresh challenger, a UTC midnight.
        windows: The number of holdouts, spread over the past.
        ages: In days, 0 first.
    """

    end: datetime
    windows: int
    ages: Sequence[int]


@dataclass(frozen=True)
class ComparedAges:
    """The models by age, and their predictions of the fresh one's holdout.

    `as_of` is the fresh model's.
    """

    as_of: datetime
    models: dict[int, ReplayedModel]
    scored: ScoredHoldout


class AgeComparison:
    """Trains and scores the challengers of every age, one holdout after the other."""

    def __init__(
        self, replay: Replay, registered: RegisteredModels, plan: StalenessPlan, report: Progress
    ) -> None:
        """Prepare a comparison.

        Args:
            replay: The model's past days.
            registered: Versions that need not be trained again.
            plan: The ages and holdouts.
            report: Called with the progress.
        """
        self.skipped: list[SkippedAge] = []
        self._replay, self._registered, self._plan = replay, registered, plan
        self._report = report

    def run(self) -> Iterator[ComparedAges]:
        """Yield each holdout with a fresh challenger and a labelled row."""
        spec, ages = self._replay.spec, self._plan.ages
        ends = holdout_ends(self._plan.end, self._plan.windows, spec.train.holdout)
        total = len(ends) * len(ages)
        for number, end in enumerate(ends):
            models = self._models(end, number * len(ages), total)
            scored = _score(spec, models)
            if scored is not None:
                yield ComparedAges(end, models, scored)
        self._report(total, total, "done")

    def _models(self, end: datetime, done: int, total: int) -> dict[int, ReplayedModel]:
        models: dict[int, ReplayedModel] = {}
        for index, age in enumerate(self._plan.ages):
            self._report(done + index, total, f"{age}d old on {end:%Y-%m-%d}")
            model = self._train(end - age * DAY)
            if isinstance(model, ReplayedModel):
                models[age] = model
                continue
            self.skipped.append(SkippedAge(age=age, as_of=end, why=model))
            if age == 0:  # nothing to compare the other ages with
                break
        return models

    def _train(self, as_of: datetime) -> ReplayedModel | str:
        """Return a challenger, or the reason for none.

        Fewer days of data would change more than its age.
        """
        lookback, start = self._replay.spec.train.lookback, self._replay.spec.start
        if as_of - lookback < midnight(start):
            return (
                f"its {format_duration(lookback)} of data would begin before {start}, "
                "where the model's data begin"
            )
        try:
            return self._replay.train_challenger(as_of, self._registered)
        except TerminalError as error:
            return error.problem


def _score(spec: ModelSpec, models: dict[int, ReplayedModel]) -> ScoredHoldout | None:
    """Return the models' predictions of the fresh one's holdout.

    None without a fresh model, or without a labelled row.
    """
    if 0 not in models:
        return None
    fresh = models[0]
    bundles = {FRESH if age == 0 else str(age): model.bundle for age, model in models.items()}
    bounds = fresh.data.bounds
    frames = fresh.data.partitions(bounds.holdout_start, bounds.end)
    return score_holdout(spec, frames, bundles, fresh.baseline)
