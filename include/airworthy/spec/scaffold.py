"""Creates the folder of a new model, ready to pass ``airworthy check --strict``.

It has a spec, features, a rule for its answers, and expected values for ``airworthy test``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from airworthy.errors import TerminalError
from airworthy.spec.fields import MODEL_NAME
from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.scaffold_tests import behaviour_text, fill, tests_text
from airworthy.spec.spec_schema import SCHEMA_FILE

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
_LOSS = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}
_WINDOW = "<- longer where a day has fewer than some 200 rows: 1w, 2w or 4w"
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
    folder = require_free_name(models, name)
    texts = {
        SPEC_FILE: _spec_text(folder, name, task, source),
        "features.py": _features_text(name, task, source),
        "behaviour.py": behaviour_text(name, task, source),
        "tests.yaml": tests_text(name, source, list(_columns(task, source)[0])),
    }
    try:
        folder.mkdir(parents=True)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ScaffoldError(
            "the folder cannot be made", received=f"{folder}: {error.strerror}"
        ) from None
    return folder


def require_free_name(models: Path, name: str) -> Path:
    """Return the folder of a new model's name.

    Raises:
        ScaffoldError: when the name is not allowed, or in use.
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
    if folder.exists() or folder.is_symlink():
        raise ScaffoldError(
            "there is something of this name already; nothing was changed",
            received=str(folder),
            allowed="a name that is not taken",
            next_step=f"choose another name, or edit {folder / SPEC_FILE}",
        )
    return folder


def _suggest_name(name: str) -> str:
    cleaned = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:60]
    return cleaned if re.fullmatch(MODEL_NAME, cleaned) else "my_model"


def _spec_text(folder: Path, name: str, task: str, source: str) -> str:
    columns, label, label_type = _columns(task, source)
    group = "kind" if source != "simulator" else "city"
    lines = [f"    {column}: {kind}" for column, kind in {**columns, label: label_type}.items()]
    ingest = fill(f"ingest_{source}.yaml.tmpl", label=label, columns="\n".join(lines))
    return fill(
        "model.yaml.tmpl",
        schema=os.path.relpath(SCHEMA_FILE, folder),
        name=name,
        task=task,
        group=group,
        ingest=ingest,
        expectations=_expectations(source, group),
        window="a day has 2,000 rows" if source == "simulator" else _WINDOW,
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
        return fill("features_own.py.tmpl", name=name)
    columns, _, _ = _columns(task, source)
    return fill(
        "features_simulator.py.tmpl",
        name=name,
        features="\n".join(f'    "{column}": pl.col("{column}"),' for column in columns),
    )
