"""Fitting XGBoost: ``hist`` with early stopping, and Optuna's search when the spec asks for one.

The same rows, parameters and XGBoost version give the same model, bit for bit, on any number of threads: ``hist``
sums gradients in a fixed order, and every source of chance takes the spec's seed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import xgboost

from airworthy.spec import ModelSpec
from airworthy.spec.model_spec import Search
from airworthy.training.training_rows import StoredRows, quantile_matrix

log = logging.getLogger("airworthy.train")

_OBJECTIVES = {
    "regression": {"objective": "reg:squarederror", "eval_metric": "rmse"},
    "binary": {"objective": "binary:logistic", "eval_metric": "logloss"},
    "multiclass": {"objective": "multi:softprob", "eval_metric": "mlogloss"},
}
_WHOLE_NUMBERS = {"max_depth", "max_leaves", "max_bin", "num_parallel_tree"}


@dataclass(frozen=True)
class Fitted:
    """A booster cut to its best round (counted from 0), the tuning score there, and the parameters used."""

    booster: xgboost.Booster
    best_iteration: int
    score: float
    parameters: dict[str, Any]


def base_parameters(
    spec: ModelSpec, classes: list[str], overrides: dict[str, Any]
) -> dict[str, Any]:
    """Return the parameters before any search: the task's, the spec's, then the run's overrides."""
    parameters = {**_OBJECTIVES[spec.task], "tree_method": "hist", "seed": spec.train.seed}
    if spec.task == "multiclass":
        parameters["num_class"] = len(classes)
    return {**parameters, **spec.train.parameters, **overrides}


def fit_booster(
    spec: ModelSpec, parameters: dict[str, Any], train: StoredRows, tuning: StoredRows
) -> Fitted:
    """Fit a booster, after a search when the spec has one."""
    bins = int(parameters.get("max_bin", 256))
    fitting = quantile_matrix(train, bins)
    stopping = quantile_matrix(tuning, bins, reference=fitting)
    if spec.train.search is not None:
        parameters = {
            **parameters,
            **_search(spec, spec.train.search, parameters, fitting, stopping),
        }
    return _fit(spec, parameters, fitting, stopping)


def _fit(spec: ModelSpec, parameters: dict[str, Any], fitting: Any, stopping: Any) -> Fitted:
    booster = xgboost.train(
        parameters,
        fitting,
        num_boost_round=spec.train.rounds,
        evals=[(stopping, "tuning")],
        early_stopping_rounds=spec.train.early_stopping_rounds,
        verbose_eval=False,
    )
    best = int(booster.best_iteration)
    score = float(booster.best_score)
    cut = booster[: best + 1]
    # The scores are attributes of the booster; left in, they would be part of the model's bytes twice over.
    cut.set_attr(best_iteration=None, best_score=None)
    return Fitted(cut, best, score, parameters)


def _search(
    spec: ModelSpec, search: Search, parameters: dict[str, Any], fitting: Any, stopping: Any
) -> dict[str, Any]:
    """Return the best parameters that Optuna's TPE sampler, seeded, finds within the declared ranges."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        tried = {
            name: _suggest(trial, name, low, high) for name, (low, high) in search.space.items()
        }
        score = _fit(spec, {**parameters, **tried}, fitting, stopping).score
        log.info(
            "search: trial %d of %d: %s -> %.5f", trial.number + 1, search.trials, tried, score
        )
        return score

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=spec.train.seed))
    study.optimize(objective, n_trials=search.trials)
    return dict(study.best_params)


def _suggest(trial: Any, name: str, low: float, high: float) -> float:
    if name in _WHOLE_NUMBERS:
        return int(trial.suggest_int(name, int(low), int(high)))
    return float(trial.suggest_float(name, low, high, log=low > 0 and high / low >= 10))
