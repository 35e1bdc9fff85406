"""Checks a spec's XGBoost parameters with XGBoost itself: it trains one round on 64 rows.

The rows have the model's features by name, so constraints by name or by position are tried as in a
training.

XGBoost ignores an unknown name, so a misspelt parameter would train another model in silence. Its
configuration after training lists every name in use. The names in a spec must be among them.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from airworthy.spec.faults import Fault, did_you_mean, key_path, shorten
from airworthy.spec.model_spec import ModelSpec

OBJECTIVES = {
    "regression": ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror", "reg:gamma",
                   "reg:tweedie", "count:poisson", "reg:quantileerror"),
    "binary": ("binary:logistic",),
    "multiclass": ("multi:softprob",),
}  # fmt: skip
# The parameters that decide which other parameters exist.
_SELECTING = ("objective", "booster", "quantile_alpha")
_BOOSTERS = ("gbtree", "dart")
_NO_FEATURES = ("first", "second")
_SET_ELSEWHERE = {
    "seed": "train.seed",
    "random_state": "train.seed",
    "num_boost_round": "train.rounds",
    "n_estimators": "train.rounds",
    "early_stopping_rounds": "train.early_stopping_rounds",
    "num_class": "nothing: the classes of the label are counted",
    "nthread": "nothing: the machine decides",
    "n_jobs": "nothing: the machine decides",
    "tree_method": "nothing: it is always hist",
    "verbosity": "nothing: the log's level decides",
    "validate_parameters": "nothing: airworthy check does it",
}
# Names in XGBoost's configuration without a parameter: XGBoost derives their values.
_DERIVED = {
    "num_trees",
    "num_feature",
    "num_target",
    "boost_from_average",
    "fail_on_invalid_gpu_id",
}


def parameter_faults(file: str, spec: ModelSpec, features: Sequence[str] = ()) -> list[Fault]:
    """Return a fault for every invalid parameter, and for every invalid bound of a search range.

    Args:
        file: The file in the faults.
        spec: The model's spec.
        features: The names of the model's features; empty: two without a meaning.
    """
    probe = _Probe(spec, tuple(features) or _NO_FEATURES)
    space = spec.train.search.space if spec.train.search else {}
    parameters = dict(spec.train.parameters)
    faults = [
        *_reserved(file, "train.parameters", parameters, spec.task),
        *_reserved(file, "train.search.space", space, spec.task),
    ]
    if faults or not (parameters or space):
        return faults
    allowed = probe.allowed_names(parameters)
    faults = [
        *_unknown(file, "train.parameters", parameters, allowed),
        *_unknown(file, "train.search.space", space, allowed),
    ]
    faults += [
        fault
        for name in parameters
        if name in allowed
        for fault in _refused_value(file, probe, name, parameters)
    ]
    faults += [
        fault for name in space if name in allowed for fault in _refused_bounds(file, probe, name)
    ]
    return faults


def _reserved(file: str, part: str, values: dict[str, Any], task: str) -> Iterator[Fault]:
    choices = {"objective": OBJECTIVES[task], "booster": _BOOSTERS}
    for name, value in values.items():
        key = f"{part}.{name}"
        if name in _SET_ELSEWHERE:
            yield Fault(
                file, key, "Airworthy sets this parameter", shorten(value), _SET_ELSEWHERE[name]
            )
        elif name in choices and value not in choices[name]:
            problem = f"this {name} does not go with a {task} task"
            yield Fault(file, key, problem, shorten(value), ", ".join(choices[name]))


def _selecting(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name in _SELECTING}


def _names_in(config: Any, section: str = "") -> Iterator[str]:
    if not isinstance(config, dict):
        return
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _names_in(value, name)
        elif section.endswith("_param"):
            yield name


def _unknown(file: str, part: str, values: dict[str, Any], allowed: list[str]) -> Iterator[Fault]:
    for name, value in values.items():
        if name not in allowed:
            problem = f"XGBoost would ignore this parameter{did_you_mean(name, allowed)}"
            yield Fault(file, f"{part}.{name}", problem, shorten(value), ", ".join(allowed))


def _refused_value(
    file: str, probe: _Probe, name: str, parameters: dict[str, Any]
) -> Iterator[Fault]:
    value, key = parameters[name], key_path(("train", "parameters", name))
    problem = _no_number(value)
    if problem is not None:
        yield Fault(file, key, problem, shorten(value), "a finite number")
        return
    _, message = probe.train({**_selecting(parameters), name: value})
    if message:
        allowed = _allowed(message, name, probe.features)
        yield Fault(file, key, message, shorten(value), allowed)


def _no_number(value: Any) -> str | None:
    """Return the problem of a number that is not finite; XGBoost would take some of them."""
    texts = ("nan", "inf", "-inf", "+inf", "infinity", "-infinity")
    is_text = isinstance(value, str) and value.strip().lower() in texts
    is_number = isinstance(value, float) and not math.isfinite(value)
    return "this is no finite number" if is_text or is_number else None


def _refused_bounds(file: str, probe: _Probe, name: str) -> Iterator[Fault]:
    assert probe.spec.train.search is not None
    for index, value in enumerate(probe.spec.train.search.space[name]):
        whole = int(value) if float(value).is_integer() else value
        _, message = probe.train({name: whole})
        if message:
            steps = ("train", "search", "space", name, index)
            allowed = _allowed(message, name, probe.features)
            yield Fault(file, key_path(steps), message, shorten(value), allowed)


def _allowed(message: str, name: str, features: Sequence[str]) -> str:
    if name.endswith("_constraints"):
        return f"features by name: {', '.join(features)}"
    bound = message.partition("exceed bound ")[2]
    return (
        f"a value within {bound}"
        if bound
        else "a value as XGBoost's documentation of this parameter gives it"
    )


@dataclass(frozen=True)
class _Probe:
    """Trains one round of a spec's task, with features of these names."""

    spec: ModelSpec
    features: tuple[str, ...]

    def allowed_names(self, parameters: dict[str, Any]) -> list[str]:
        """Return the names in use by XGBoost for the spec's task, objective and booster."""
        config, _ = self.train(_selecting(parameters))
        names = {*_names_in(config), "eval_metric", "device"}
        return sorted(names - _DERIVED - set(_SET_ELSEWHERE))

    def train(self, parameters: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Return XGBoost's configuration, and the first line of its error, if any."""
        import numpy as np
        import xgboost

        rows = np.arange(64, dtype=np.float32)
        task = self.spec.task
        label = {"regression": 1 + rows, "binary": rows % 2, "multiclass": rows % 3}[task]
        base: dict[str, Any] = {
            "objective": OBJECTIVES[task][0],
            "tree_method": "hist",
            "nthread": 1,
        }
        if task == "multiclass":
            base["num_class"] = 3
        values = np.stack([rows if n % 2 == 0 else rows[::-1] for n in range(len(self.features))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                matrix = xgboost.DMatrix(
                    values.T, label=label, nthread=1, feature_names=list(self.features)
                )
                booster = xgboost.train(
                    {**base, **parameters, "device": "cpu"},
                    matrix,
                    num_boost_round=1,
                    evals=[(matrix, "probe")],
                    verbose_eval=False,
                )
                return json.loads(booster.save_config()), None
            except (xgboost.core.XGBoostError, TypeError, ValueError, KeyError) as error:
                return {}, _first_line(str(error))


def _first_line(message: str) -> str:
    """Return the sentence of XGBoost's error, without its time, source file and stack trace."""
    lines = [line.strip() for line in message.split("Stack trace")[0].splitlines() if line.strip()]
    text = lines[0].rpartition(".cc:")[2].partition(": ")[2] if ".cc:" in lines[0] else lines[0]
    text = text or (lines[1] if len(lines) > 1 else lines[0])
    return f"XGBoost refuses it: {text}"
