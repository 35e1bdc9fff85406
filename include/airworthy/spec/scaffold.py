"""Creates the folder of a new model, ready to pass ``airworthy check --strict``.

It has a spec, features, a rule for its answers, and expected values for ``airworthy test``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from string import Template

from airworthy.errors import TerminalError
from airworthy.spec.fields import MODEL_NAME
from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.spec_schema import SCHEMA_FILE

_TEMPLATES = Path(__file__).with_name("templates")

_DELIVERIES = {
    "city": "category",
    "vehicle": "category",
    "weather": "category",
    "distance_km": "float",
    "stops": "int",
    "parcel_kg": "float",
    "courier_experience_days": "float",
    "temperature_c": "float",
    "promised_minutes": "float",
}
_DELIVERY_LABELS = {
    "regression": ("minutes", "float"),
    "binary": ("late", "bool"),
    "multiclass": ("vehicle", "category"),
}
_OWN = {"amount": "float", "kind": "category"}
_OWN_LABELS = {
    "regression": ("target", "float"),
    "binary": ("target", "bool"),
    "multiclass": ("target", "category"),
}
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
_LOSS = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}
_BOUND = "# an absolute bound; with `slice:` in every value of that column"
_FURTHER_GATE = {
    "regression": f"# - {{metric: rmse, max: 6.0}}       {_BOUND}",
    "binary": f"- {{metric: auc, min: 0.6}}             {_BOUND}",
    "multiclass": f"# - {{metric: accuracy, min: 0.6}}   {_BOUND}",
}


class ScaffoldError(TerminalError):
    """No folder was created, and none was changed."""

    consequence = ""


def scaffold(models: Path, name: str, task: str, source: str) -> Path:
    """Create ``<models>/<name>`` with a spec, features, a rule and tests.

    Args:
        models: The folder of the model folders.
        name: The model's name.
        task: ``regression``, ``binary`` or ``multiclass``.
        source: ``simulator`` (runs unedited), ``files`` or ``sql`` (the marked lines name your own
            data).

    Returns:
        The new folder.

    Raises:
        ScaffoldError: when the name is not allowed or in use, or the folder cannot be created.
    """
    if not re.fullmatch(MODEL_NAME, name):
        allowed = "lower-case letters, digits and _, starting with a letter, 2 to 61 characters"
        raise ScaffoldError(
            "this cannot be a model's name",
            received=repr(name),
            allowed=allowed,
            next_step=f"airworthy new-model {_suggest_name(name)}",
        )
    folder = models / name
    texts = {
        SPEC_FILE: _spec_text(folder, name, task, source),
        "features.py": _features_text(name, task, source),
        "behaviour.py": _behaviour_text(name, task, source),
        "tests.yaml": _tests_text(name, task, source),
    }
    try:
        folder.mkdir(parents=True)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise ScaffoldError(
            "there is something of this name already; nothing was changed",
            received=str(folder),
            allowed="a name that is not taken",
            next_step=f"choose another name, or edit {folder / SPEC_FILE}",
        ) from None
    except OSError as error:
        raise ScaffoldError(
            "the folder cannot be made", received=f"{folder}: {error.strerror}"
        ) from None
    return folder


def _suggest_name(name: str) -> str:
    cleaned = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:60]
    return cleaned if re.fullmatch(MODEL_NAME, cleaned) else "my_model"


def _spec_text(folder: Path, name: str, task: str, source: str) -> str:
    columns, label, label_type = _columns(task, source)
    group = "kind" if source != "simulator" else "city"
    lines = [f"    {column}: {kind}" for column, kind in {**columns, label: label_type}.items()]
    ingest = _fill(f"ingest_{source}.yaml.tmpl", label=label, columns="\n".join(lines))
    return _fill(
        "model.yaml.tmpl",
        schema=os.path.relpath(SCHEMA_FILE, folder),
        name=name,
        task=task,
        group=group,
        ingest=ingest,
        expectations=_expectations(source, group),
        gates=_gates(task),
    )


def _columns(task: str, source: str) -> tuple[dict[str, str], str, str]:
    simulated = source == "simulator"
    label, label_type = (_DELIVERY_LABELS if simulated else _OWN_LABELS)[task]
    columns = _DELIVERIES if simulated else _OWN
    return {name: kind for name, kind in columns.items() if name != label}, label, label_type


def _expectations(source: str, group: str) -> str:
    number, maximum = ("distance_km", 200) if source == "simulator" else ("amount", 1000000)
    return (
        f"    - {{type: expect_column_values_to_not_be_null, column: {group}}}\n"
        f"    - {{type: expect_column_values_to_be_between, column: {number}, "
        f"min_value: 0, max_value: {maximum}, "
        "mostly: 0.99, severity: warning}"
    )


def _gates(task: str) -> str:
    loss = _LOSS[task]
    gates = (
        f"- {{metric: {loss}, against: baseline, better_by: 0.02}}     # a gain of at least 2 %",
        f"- {{metric: {loss}, against: champion, margin: 0.02}}        # a loss of at most 2 %",
        _FURTHER_GATE[task],
    )
    return "\n".join(f"    {gate}" for gate in gates)


def _features_text(name: str, task: str, source: str) -> str:
    if source != "simulator":
        return _fill("features_own.py.tmpl", name=name)
    columns, _, _ = _columns(task, source)
    return _fill(
        "features_simulator.py.tmpl",
        name=name,
        features="\n".join(f'    "{column}": pl.col("{column}"),' for column in columns),
    )


def _behaviour_text(name: str, task: str, source: str) -> str:
    if source == "simulator":
        kind, rule, arguments = _RULES[source, task]
    else:
        kind, rule, arguments = _RULES[
            "own", "regression" if task == "regression" else "classification"
        ]
    return _fill("behaviour.py.tmpl", name=name, kind=kind, rule=rule, arguments=arguments)


def _tests_text(name: str, task: str, source: str) -> str:
    columns, _, _ = _columns(task, source)
    simulated = source == "simulator"
    values = _DELIVERY if simulated else _OWN_ROW
    time = "picked_up_at" if simulated else "happened_at"
    row = {column: values[column] for column in (time, *columns)}
    expect = {column: values[column] for column in columns} | {"hour": "12", "weekday": "1"}
    return _fill(
        "tests.yaml.tmpl",
        name=name,
        row=_mapping(row),
        expect=_mapping(expect),
        delivery="\ndelivery: {as_of: 2025-03-01}         # the days before it are delivered"
        if simulated
        else "",
    )


def _mapping(values: dict[str, str]) -> str:
    return "\n".join(f"      {name}: {value}" for name, value in values.items())


def _fill(template: str, **values: str) -> str:
    return Template((_TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
