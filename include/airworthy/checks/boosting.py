"""Checking a spec's XGBoost parameters with XGBoost itself: it trains one round on a handful of rows.

XGBoost ignores a name that it does not know, so a misspelt parameter would train another model in silence. Its
configuration after training lists every name that it used; what a spec names must be among them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

from airworthy.spec.faults import Fault, did_you_mean, key_path, shorten
from airworthy.spec.model_spec import ModelSpec

_OBJECTIVES = {
    "regression": ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror", "reg:gamma",
                   "reg:tweedie", "count:poisson", "reg:quantileerror"),
    "binary": ("binary:logistic",),
    "multiclass": ("multi:softprob",),
}  # fmt: skip
_SHAPING = ("objective", "booster", "quantile_alpha")
_BOOSTERS = ("gbtree", "dart")
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
# Names in XGBoost's configuration that it works out for itself.
_WORKED_OUT = {
    "num_trees",
    "num_feature",
    "num_target",
    "boost_from_average",
    "fail_on_invalid_gpu_id",
}


def wrong_parameters(file: str, spec: ModelSpec) -> list[Fault]:
    """Return a fault for every parameter, and every end of a search's range, that XGBoost would not take."""
    space = spec.train.search.space if spec.train.search else {}
    given = dict(spec.train.parameters)
    faults = [
        *_reserved(file, "train.parameters", given, spec.task),
        *_reserved(file, "train.search.space", space, spec.task),
    ]
    if faults or not (given or space):
        return faults
    known = _known_names(spec, given)
    faults = [
        *_unknown(file, "train.parameters", given, known),
        *_unknown(file, "train.search.space", space, known),
    ]
    faults += [
        fault for name in given if name in known for fault in _refused(file, spec, name, given)
    ]
    faults += [
        fault for name in space if name in known for fault in _refused_range(file, spec, name)
    ]
    return faults


def _reserved(file: str, at: str, names: dict[str, Any], task: str) -> Iterator[Fault]:
    choices = {"objective": _OBJECTIVES[task], "booster": _BOOSTERS}
    for name, value in names.items():
        key = f"{at}.{name}"
        if name in _SET_ELSEWHERE:
            yield Fault(
                file, key, "Airworthy sets this parameter", shorten(value), _SET_ELSEWHERE[name]
            )
        elif name in choices and value not in choices[name]:
            problem = f"this {name} does not go with a {task} task"
            yield Fault(file, key, problem, shorten(value), ", ".join(choices[name]))


def _known_names(spec: ModelSpec, given: dict[str, Any]) -> list[str]:
    """Return the names that XGBoost uses for this task, with the objective and booster that the spec asks for."""
    config, _ = _train(spec, _shape(given))
    return sorted({*_names_in(config), "eval_metric", "device"} - _WORKED_OUT - set(_SET_ELSEWHERE))


def _shape(given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that decide which others exist."""
    return {name: value for name, value in given.items() if name in _SHAPING}


def _names_in(config: Any, inside: str = "") -> Iterator[str]:
    if not isinstance(config, dict):
        return
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _names_in(value, name)
        elif inside.endswith("_param"):
            yield name


def _unknown(file: str, at: str, names: dict[str, Any], known: list[str]) -> Iterator[Fault]:
    for name in names:
        if name not in known:
            problem = f"XGBoost would ignore this parameter{did_you_mean(name, known)}"
            yield Fault(file, f"{at}.{name}", problem, shorten(names[name]), ", ".join(known))


def _refused(file: str, spec: ModelSpec, name: str, given: dict[str, Any]) -> Iterator[Fault]:
    _, complaint = _train(spec, {**_shape(given), name: given[name]})
    if complaint:
        yield Fault(
            file,
            key_path(("train", "parameters", name)),
            complaint,
            shorten(given[name]),
            _allowed(complaint),
        )


def _refused_range(file: str, spec: ModelSpec, name: str) -> Iterator[Fault]:
    assert spec.train.search is not None
    for index, value in enumerate(spec.train.search.space[name]):
        whole = int(value) if float(value).is_integer() else value
        _, complaint = _train(spec, {name: whole})
        if complaint:
            steps = ("train", "search", "space", name, index)
            yield Fault(file, key_path(steps), complaint, shorten(value), _allowed(complaint))


def _allowed(complaint: str) -> str:
    bound = complaint.partition("exceed bound ")[2]
    return (
        f"a value within {bound}"
        if bound
        else "a value as XGBoost's documentation of this parameter gives it"
    )


def _train(spec: ModelSpec, parameters: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Train one round; return XGBoost's configuration and, when it refuses, its complaint in one line."""
    import numpy as np
    import xgboost

    rows = np.arange(64, dtype=np.float32)
    label = {"regression": 1 + rows, "binary": rows % 2, "multiclass": rows % 3}[spec.task]
    base: dict[str, Any] = {
        "objective": _OBJECTIVES[spec.task][0],
        "tree_method": "hist",
        "nthread": 1,
    }
    if spec.task == "multiclass":
        base["num_class"] = 3
    merged = {**base, **parameters, "device": "cpu"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            matrix = xgboost.DMatrix(np.stack([rows, rows[::-1]], axis=1), label=label, nthread=1)
            booster = xgboost.train(
                merged, matrix, num_boost_round=1, evals=[(matrix, "probe")], verbose_eval=False
            )
            return json.loads(booster.save_config()), None
        except (xgboost.core.XGBoostError, TypeError, ValueError) as error:
            return {}, _first_line(str(error))


def _first_line(message: str) -> str:
    """Take the sentence out of XGBoost's error, which comes with a time, a source file and a stack trace."""
    lines = [line.strip() for line in message.split("Stack trace")[0].splitlines() if line.strip()]
    text = lines[0].rpartition(".cc:")[2].partition(": ")[2] if ".cc:" in lines[0] else lines[0]
    text = text or (lines[1] if len(lines) > 1 else lines[0])
    return f"XGBoost refuses it: {text}"
