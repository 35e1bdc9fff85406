"""What a person may ask the lineage of, as text. Pure: a text is taken apart, nothing is looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from airworthy.errors import TerminalError
from airworthy.spec.fields import MODEL_NAME

Kind = Literal["version", "alias", "dataset", "partition", "run", "word"]

ALLOWED = (
    "a version (delivery_eta/7), an alias (delivery_eta@champion), a dataset version (delivery_eta/2026-11-25/1a2b3c, "
    "or the first 6 or more digits of its digest), a partition (delivery_eta/2026-11-20), the id of a prediction, an "
    "Airflow run (delivery_eta__train/RUN_ID, or RUN_ID alone), the id of an MLflow run"
)
_MODEL = MODEL_NAME.strip("^$")
_FORMS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("alias", re.compile(rf"({_MODEL})@([a-z][a-z0-9_-]*)")),
    ("version", re.compile(rf"({_MODEL})/([0-9]{{1,9}})")),
    ("dataset", re.compile(rf"({_MODEL})/([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}/[0-9a-f]{{6,64}})")),
    ("partition", re.compile(rf"({_MODEL})/([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})")),
)
_RUN = re.compile(rf"(?P<dag>(?P<model>{_MODEL})__[a-z][a-z0-9_]*)/(?P<run>.+)", re.DOTALL)


class UnknownReferenceError(TerminalError):
    """A reference leads nowhere, or to several things. Somebody asked; nothing stops because of it."""

    consequence = ""


@dataclass(frozen=True)
class Reference:
    """What is asked about.

    Attributes:
        text: As it was given.
        kind: What it can be by its form; a ``word`` is the start of a digest, a prediction's or a run's id.
        value: The version, alias, dataset id without its model, day, run id, or the word itself.
        model: The model, when the text or the asker names it.
        dag_id: The Airflow DAG, when the text names it.
    """

    text: str
    kind: Kind
    value: str
    model: str | None = None
    dag_id: str | None = None


def parse_reference(text: str, model: str | None = None) -> Reference:
    """Take a reference apart.

    Args:
        text: One of the forms of `ALLOWED`. With a model beside it, version, alias and day may stand alone.
        model: The model that is meant; None: what the text says, or any.

    Raises:
        TerminalError: when the text has none of these forms, or names another model.
    """
    given = text.strip()
    found = _by_form(given) or _run_of_a_dag(given)
    if found is None and model is not None:
        found = _by_form(f"{model}{given}") or _by_form(f"{model}/{given}")
    if found is None:
        if not given or "\n" in given:
            raise unknown(text)
        found = Reference(given, "word", given, model)
    if model not in (None, found.model):
        raise unknown(
            f"{text} of {model}",
            "the reference is to another model than the one named",
            allowed=str(found.model),
            next_step="leave --model out",
        )
    return Reference(text, found.kind, found.value, found.model, found.dag_id)


def _by_form(text: str) -> Reference | None:
    for kind, form in _FORMS:
        match = form.fullmatch(text)
        if match and (kind != "partition" or _is_day(match[2])):
            value = str(int(match[2])) if kind == "version" else match[2]
            return Reference(text, kind, value, match[1])
    return None


def _run_of_a_dag(text: str) -> Reference | None:
    match = _RUN.fullmatch(text)
    # Greedy: a model's own name may hold two underscores, a DAG's kind does not.
    return Reference(text, "run", match["run"], match["model"], match["dag"]) if match else None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def unknown(
    received: str,
    problem: str = "nothing is recorded under this reference",
    *,
    allowed: str = ALLOWED,
    next_step: str | None = None,
) -> UnknownReferenceError:
    """Return the error for a reference that leads nowhere: it names every form that is allowed."""
    return UnknownReferenceError(
        problem, received=received or "nothing", allowed=allowed, next_step=next_step
    )
