"""Training of a champion for the simulation, on rows in memory."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

import polars as pl
import xgboost

from airworthy.bundle import Manifest, ModelBundle
from airworthy.features import FeatureSet, check_expressions, fit_features, load_expressions
from airworthy.handover import Window
from airworthy.job import Job
from airworthy.monitoring.importance import column_importance
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.simulation.in_memory_rows import InMemoryRows
from airworthy.monitoring.spans import Span
from airworthy.spec import ModelSpec
from airworthy.training.time_split import Boundaries, split_window
from airworthy.training.train_booster import base_parameters, fit_booster
from airworthy.training.training_labels import find_classes
from airworthy.training.training_rows import store_rows

MAX_ROUNDS = 150  # the simulation is about the monitor: its champion need not be the best


def train_champion(job: Job, rows: InMemoryRows, as_of: datetime, name: str) -> Champion:
    """Train a champion on the window before `as_of`, as the train stage does.

    It has at most `MAX_ROUNDS` rounds, and no search of parameters.

    Args:
        job: Gives the spec and the features.
        rows: Rows of the window, at least.
        as_of: The end of the window, a UTC midnight.
        name: The champion's version and digest.

    Raises:
        TerminalError: when the features or the labels cannot be used.
    """
    spec = job.spec
    bounds = split_window(spec, Window.ending(as_of, spec.train.lookback))
    training = pl.concat(list(rows.frames(bounds.start, bounds.holdout_start))).lazy()
    features, classes = _fit_features(job, training), find_classes(spec, training)
    manifest = Manifest(
        model=spec.model,
        task=spec.task,
        inputs=spec.inputs,
        features=features.features,
        classes=classes,
    )
    bundle = ModelBundle(manifest, features, _fit(spec, rows, bounds, features, classes))
    return Champion(
        version=name,
        run_id="",
        digest=name,
        bundle=bundle,
        importance=column_importance(bundle),
        rows=rows,
        training=Span(bounds.start, bounds.holdout_start),
        holdout=Span(bounds.holdout_start, bounds.end),
    )


def _fit_features(job: Job, training: pl.LazyFrame) -> FeatureSet:
    path = job.folder / "features.py"
    expressions = load_expressions(path, job.spec.model)
    types = check_expressions(expressions, job.spec.inputs, path)
    return FeatureSet(expressions, fit_features(expressions, types, [training]))


def _fit(
    spec: ModelSpec,
    rows: InMemoryRows,
    bounds: Boundaries,
    features: FeatureSet,
    classes: list[str],
) -> xgboost.Booster:
    rounds = min(spec.train.rounds, MAX_ROUNDS)
    train = spec.train.model_copy(update={"rounds": rounds, "search": None})
    with tempfile.TemporaryDirectory() as folder:
        parts = ((bounds.start, bounds.tuning_start), (bounds.tuning_start, bounds.holdout_start))
        fitting, tuning = (
            store_rows(
                Path(folder) / str(number),
                rows.frames(*part),
                features,
                spec.ingest.label,
                classes,
            )
            for number, part in enumerate(parts)
        )
        parameters = base_parameters(spec, classes, {})
        spec = spec.model_copy(update={"train": train})
        return fit_booster(spec, parameters, fitting, tuning).booster
