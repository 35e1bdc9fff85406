"""Fits XGBoost: ``hist`` with early stopping, and Optuna's search when the spec declares one.

The same rows, parameters and XGBoost version give the same model, bit for bit, on any number of
threads: ``hist`` sums gradients in a fixed order, and every source of chance has the spec's seed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xgboost

from airworthy.arrays import Array
from airworthy.spec import ModelSpec
from airworthy.spec.train_part import Search
from airworthy.training.recent_span import RecentSpan, best_of
from airworthy.training.row_losses import row_losses
from airworthy.training.training_rows import StoredRows, quantile_matrix

log = logging.getLogger("airworthy.train")

_OBJECTIVES = {
    "regression": {"objective": "reg:squarederror", "eval_metric": "rmse"},
    "binary": {"objective": "binary:logistic", "eval_metric": "logloss"},
    "multiclass": {"objective": "multi:softprob", "eval_metric": "mlogloss"},
}
_WHOLE_NUMBERS = {"max_depth", "max_leaves", "max_bin", "num_parallel_tree"}


@dataclass(frozen=True)
class FittedBooster:
    """A booster of its best number of rounds.

    Attributes:
        booster: The booster.
        best_iteration: Its best round, from 0.
        score: Its tuning score there, before it was fitted on the tuning rows too.
        parameters: XGBoost's.
        span: The newest days that it was fitted on; None: all.
        losses: Each span that was tried, in days and ``all``, with its mean loss of a tuning row;
            empty when none was.
    """

    booster: xgboost.Booster
    best_iteration: int
    score: float
    parameters: dict[str, Any]
    span: RecentSpan | None = None
    losses: dict[str, float] = field(default_factory=dict)

    @property
    def days(self) -> str:
        """The fitted days before the holdout: a number such as ``12d``, or ``all``."""
        return f"{self.span.days}d" if self.span else "all"


def base_parameters(
    spec: ModelSpec, classes: list[str], overrides: dict[str, Any]
) -> dict[str, Any]:
    """Return the parameters before any search: the task's, the spec's, then the run's.

    Args:
        spec: The model's spec.
        classes: In the order of their codes; empty for a regression.
        overrides: The run's parameters.
    """
    parameters = {**_OBJECTIVES[spec.task], "tree_method": "hist", "seed": spec.train.seed}
    if spec.task == "multiclass":
        parameters["num_class"] = len(classes)
    return {**parameters, **spec.train.parameters, **overrides}


def fit_booster(
    spec: ModelSpec,
    parameters: dict[str, Any],
    train: StoredRows,
    tuning: StoredRows,
    spans: Sequence[RecentSpan] = (),
) -> FittedBooster:
    """Fit a booster, after a search when the spec declares one.

    Args:
        spec: Its rounds, early stopping and search, and whether the tuning rows are fitted on last.
        parameters: XGBoost's.
        train: The rows to fit on.
        tuning: The rows that stop the rounds early, and steer the search and the choice of a span.
        spans: The newest days of `train` that are tried beside all of them.
    """
    if spec.train.search is not None:
        matrices = _matrices(train, tuning, parameters)
        parameters = {**parameters, **_search(spec, spec.train.search, parameters, *matrices)}
        del matrices
    candidates = [_candidate(spec, parameters, train, tuning, span) for span in (None, *spans)]
    best, _ = candidates[best_of([losses for _, losses in candidates])]
    tried = {fitted.days: float(losses.mean()) for fitted, losses in candidates}
    best = replace(best, losses=tried if spans else {})
    return _fit_on_all(best, train, tuning) if spec.train.refit else best


def _candidate(
    spec: ModelSpec,
    parameters: dict[str, Any],
    train: StoredRows,
    tuning: StoredRows,
    span: RecentSpan | None,
) -> tuple[FittedBooster, Array]:
    """Return a booster of a span, and its loss of each tuning row."""
    # One pair of matrices is in memory at a time.
    matrices = _matrices(_within(train, span), tuning, parameters)
    fitted = _fit(spec, parameters, *matrices)
    predictions = fitted.booster.predict(matrices[1]).astype(np.float64)
    losses = row_losses(spec.task, tuning.labels, predictions)
    return replace(fitted, span=span), losses


def _fit_on_all(fitted: FittedBooster, train: StoredRows, tuning: StoredRows) -> FittedBooster:
    """Return the booster fitted with the same rounds on the tuning rows too."""
    parts = [_within(train, fitted.span), tuning]
    matrix = quantile_matrix(parts, _max_bin(fitted.parameters))
    rounds = fitted.best_iteration + 1
    return replace(fitted, booster=xgboost.train(fitted.parameters, matrix, rounds))


def _within(train: StoredRows, span: RecentSpan | None) -> StoredRows:
    return train if span is None else train.newest(span.partitions)


def _matrices(
    train: StoredRows, tuning: StoredRows, parameters: dict[str, Any]
) -> tuple[xgboost.DMatrix, xgboost.DMatrix]:
    max_bin = _max_bin(parameters)
    train_matrix = quantile_matrix([train], max_bin)
    return train_matrix, quantile_matrix([tuning], max_bin, reference=train_matrix)


def _max_bin(parameters: dict[str, Any]) -> int:
    return int(parameters.get("max_bin", 256))


def _fit(spec: ModelSpec, parameters: dict[str, Any], train: Any, tuning: Any) -> FittedBooster:
    booster = xgboost.train(
        parameters,
        train,
        num_boost_round=spec.train.rounds,
        evals=[(tuning, "tuning")],
        early_stopping_rounds=spec.train.early_stopping_rounds,
        verbose_eval=False,
    )
    best = int(booster.best_iteration)
    score = float(booster.best_score)
    cut = booster[: best + 1]
    # The scores are attributes of the booster. Without this they would be in the model's bytes
    # twice.
    cut.set_attr(best_iteration=None, best_score=None)
    return FittedBooster(cut, best, score, parameters)


def _search(
    spec: ModelSpec, search: Search, parameters: dict[str, Any], train: Any, tuning: Any
) -> dict[str, Any]:
    """Return the best parameters of Optuna's seeded TPE sampler within the declared ranges."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        suggested = {
            name: _suggest(trial, name, low, high) for name, (low, high) in search.space.items()
        }
        score = _fit(spec, {**parameters, **suggested}, train, tuning).score
        log.info(
            "search: trial %d of %d: %s -> %.5f", trial.number + 1, search.trials, suggested, score
        )
        return score

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=spec.train.seed))
    study.optimize(objective, n_trials=search.trials)
    return dict(study.best_params)


def _suggest(trial: Any, name: str, low: float, high: float) -> float:
    if name in _WHOLE_NUMBERS:
        return int(trial.suggest_int(name, int(low), int(high)))
    return float(trial.suggest_float(name, low, high, log=low > 0 and high / low >= 10))
