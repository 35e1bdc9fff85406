"""Fits XGBoost: ``hist`` with early stopping, and Optuna's search when the spec declares one.

The same rows, parameters and XGBoost version give the same model, bit for bit, on any number of
threads: ``hist`` sums gradients in a fixed order, and every source of chance has the spec's seed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import xgboost

from airworthy.spec import ModelSpec
from airworthy.spec.train_part import Search
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
    """A booster cut to its best round (from 0), its tuning score there, and its parameters."""

    booster: xgboost.Booster
    best_iteration: int
    score: float
    parameters: dict[str, Any]


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
    spec: ModelSpec, parameters: dict[str, Any], train: StoredRows, tuning: StoredRows
) -> FittedBooster:
    """Fit a booster, after a search when the spec declares one.

    Args:
        spec: Its rounds, early stopping and search.
        parameters: XGBoost's.
        train: The rows to fit on.
        tuning: The rows that stop the rounds early and steer the search.
    """
    max_bin = int(parameters.get("max_bin", 256))
    train_matrix = quantile_matrix(train, max_bin)
    tuning_matrix = quantile_matrix(tuning, max_bin, reference=train_matrix)
    if spec.train.search is not None:
        best = _search(spec, spec.train.search, parameters, train_matrix, tuning_matrix)
        parameters = {**parameters, **best}
    return _fit(spec, parameters, train_matrix, tuning_matrix)


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
