"""The first tests of a proposed model: a rule in ``behaviour.py``, and rows in ``tests.yaml``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from airworthy.proposal.proposal import Proposal
from airworthy.proposal.yaml_text import scalar

_MAX_ROWS, _LOOKED_AT = 6, 2_000
_CLASS_TOLERANCE = 0.4
_MANY = 20
_NO_RULE = '''"""Rules for every version of {name}; each is a gate."""

from airworthy.behaviour import Invariance  # Direction and MinimumFunctionality are others

# No input has a small change, so no rule is proposed. One of your own looks like this:
# "no answer hangs on it alone": Invariance(change={{"column": None}}, tolerance=0.1, allowed=0.2)
BEHAVIOUR: dict[str, Invariance] = {{}}
'''


def behaviour_file(proposal: Proposal) -> str:
    """Return the text of ``behaviour.py``, with one rule that a sound version keeps."""
    rule = _rule(proposal)
    if rule is None:
        return _NO_RULE.format(name=proposal.name)
    kind, name, arguments = rule
    imports = ["import polars as pl", ""] if "pl." in arguments else []
    lines = [
        f'"""Rules for every version of {proposal.name}; each is a gate."""',
        "",
        *imports,
        f"from airworthy.behaviour import {kind}",
        "",
        "BEHAVIOUR = {",
        f"    {json.dumps(name)}: {kind}(  # <- a rule of your own says more",
        f"        {arguments}",
        "    ),",
        "}",
        "",
    ]
    return "\n".join(lines)


def _rule(proposal: Proposal) -> tuple[str, str, str] | None:
    """Return a rule that a sound version keeps; None: the inputs have no small change."""
    tolerance = _tolerance(proposal)
    floats = [each for each in proposal.inputs if each.kind == "float"]
    if floats:
        name = json.dumps(max(floats, key=lambda each: each.distinct).name, ensure_ascii=False)
        change = f"change={{{name}: pl.col({name}) * 1.001}}"
        return "Invariance", "a little more is nothing else", f"{change}, {tolerance}"
    if proposal.time is not None:
        name = json.dumps(proposal.time.column.name, ensure_ascii=False)
        change = f'change={{{name}: pl.col({name}).dt.offset_by("1s")}}'
        return "Invariance", "a second later is no other row", f"{change}, {tolerance}"
    whole = [each for each in proposal.inputs if each.kind == "int" and each.distinct >= _MANY]
    if not whole:
        return None
    name = json.dumps(max(whole, key=lambda each: each.distinct).name, ensure_ascii=False)
    change = f"change={{{name}: pl.col({name}) + 1}}"
    return "Invariance", "one more is nothing else", f"{change}, {tolerance}"


def _tolerance(proposal: Proposal) -> str:
    if proposal.label.task != "regression":
        return f"tolerance={_CLASS_TOLERANCE}, allowed=0.2"
    spread = float(proposal.label.numbers.std() or 1.0)  # type: ignore[arg-type]
    return f"tolerance={float(f'{spread:.2g}')}, allowed=0.2"


def tests_file(proposal: Proposal, features: Mapping[str, pl.Expr]) -> str:
    """Return the text of ``tests.yaml``: real rows, with each feature's value as it is now.

    Args:
        proposal: The proposed model.
        features: The features of its ``features.py``.
    """
    rows = proposal.sample.drop(proposal.label.profile.name).head(_LOOKED_AT)
    values = rows.select(each.alias(name) for name, each in features.items())
    lines = [
        f"# What `airworthy test {proposal.name}` compares: real rows, and each feature's value for them.",
        "# They were computed: see that they are what you mean.",
        "features:",
    ]
    for number in _covering_rows(values):
        lines += ["  - row:", *_mapping(rows.row(number, named=True))]
        present = {k: v for k, v in values.row(number, named=True).items() if v is not None}
        lines += ["    expect:", *(f"      {scalar(k)}: {_cell(v)}" for k, v in present.items())]
    return "\n".join([*lines, ""])


def _covering_rows(values: pl.DataFrame) -> list[int]:
    """Return rows that together have a value of each feature, as few as are easily found."""
    missing = set(values.columns)
    chosen: list[int] = []
    known = values.select(pl.all().is_not_null())
    while missing and len(chosen) < _MAX_ROWS:
        counts = known.select(pl.sum_horizontal(sorted(missing)).alias("count"))["count"]
        best = counts.arg_max()
        if best is None or not counts[best]:
            break
        chosen.append(best)
        missing -= {name for name, there in known.row(best, named=True).items() if there}
    return chosen


def _mapping(row: Mapping[str, Any]) -> list[str]:
    return [
        f"      {scalar(name)}: {_cell(value)}" for name, value in row.items() if value is not None
    ]


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return json.dumps(value.strftime("%Y-%m-%dT%H:%M:%S.%fZ").replace(".000000Z", "Z"))
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return scalar(value)
