"""The first tests of a new model: a rule in ``behaviour.py``, and a row in ``tests.yaml``."""

from __future__ import annotations

from pathlib import Path
from string import Template

_TEMPLATES = Path(__file__).with_name("templates")
# One row of each source, as it is in tests.yaml.
_DELIVERY = {
    "picked_up_at": '"2025-03-03T12:30:00Z"',
    "city": "berlin",
    "vehicle": "bike",
    "weather": "rain",
    "distance_km": "4.5",
    "stops": "3",
    "parcel_kg": "2.5",
    "courier_experience_days": "45.0",
    "temperature_c": "-0.5",
    "promised_minutes": "30.0",
}
_OWN_ROW = {"happened_at": '"2025-03-03T12:30:00Z"', "amount": "9.5", "kind": "small"}
# The kind of rule, its name, and its arguments.
_RULES = {
    ("simulator", "regression"): (
        "Direction",
        "farther takes longer",
        'change={"distance_km": pl.col("distance_km") + 5.0}, never="lower", tolerance=1.0, '
        "allowed=0.05",
    ),
    ("simulator", "binary"): (
        "Direction",
        "more time makes it less likely",
        'change={"promised_minutes": pl.col("promised_minutes") + 10.0}, never="higher", '
        "tolerance=0.1, allowed=0.05",
    ),
    ("simulator", "multiclass"): (
        "Invariance",
        "100 grams more are no other parcel",
        'change={"parcel_kg": pl.col("parcel_kg") + 0.1}, tolerance=0.4, allowed=0.1',
    ),
    ("own", "regression"): (
        "Invariance",
        "a little more is nothing else",
        'change={"amount": pl.col("amount") * 1.001}, tolerance=10.0, allowed=0.1  '
        "# <- in the unit of the label",
    ),
    ("own", "classification"): (
        "Invariance",
        "a little more is nothing else",
        'change={"amount": pl.col("amount") * 1.001}, tolerance=0.4, allowed=0.1  '
        "# <- your own rule",
    ),
}


def behaviour_text(name: str, task: str, source: str) -> str:
    """Return a ``behaviour.py`` with one rule.

    Args:
        name: The model's name.
        task: The model's task.
        source: The kind of its source.
    """
    if source == "simulator":
        kind, rule, arguments = _RULES[source, task]
    else:
        kind, rule, arguments = _RULES[
            "own", "regression" if task == "regression" else "classification"
        ]
    return fill("behaviour.py.tmpl", name=name, kind=kind, rule=rule, arguments=arguments)


def tests_text(name: str, source: str, columns: list[str]) -> str:
    """Return a ``tests.yaml`` with one row, and a test for each feature of the new model.

    Args:
        name: The model's name.
        source: The kind of its source.
        columns: The input columns, without the event time.
    """
    simulated = source == "simulator"
    values = _DELIVERY if simulated else _OWN_ROW
    time = "picked_up_at" if simulated else "happened_at"
    row = {column: values[column] for column in (time, *columns)}
    expect = {column: values[column] for column in columns} | {"hour": "12", "weekday": "1"}
    return fill(
        "tests.yaml.tmpl",
        name=name,
        row=_mapping(row),
        expect=_mapping(expect),
        delivery="\ndelivery: {as_of: 2025-03-01, days: 12}   # the days before it are delivered"
        if simulated
        else "",
    )


def _mapping(values: dict[str, str]) -> str:
    return "\n".join(f"      {name}: {value}" for name, value in values.items())


def fill(template: str, **values: str) -> str:
    """Return the text of a template of a new model's file, with its names replaced."""
    return Template((_TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
