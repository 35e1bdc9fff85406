"""References: the texts that lineage accepts. Pure: parses a text, looks nothing up."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from airworthy.errors import TerminalError
from airworthy.spec.fields import MODEL_NAME

Kind = Literal["version", "alias", "dataset", "partition", "run", "word"]

ALLOWED = (
    "a version (delivery_eta/7, or delivery_eta/7@DIGEST of one that had the number before), an "
    "alias (delivery_eta@champion), a dataset version "
    "(delivery_eta/2026-11-25/1a2b3c, or the first 6 or more digits of its digest), a partition "
    "(delivery_eta/2026-11-20), the id of a prediction, an Airflow run "
    "(delivery_eta__train/RUN_ID, or RUN_ID alone), the id of an MLflow run"
)
_MODEL = MODEL_NAME.strip("^$")
_FORMS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("alias", re.compile(rf"({_MODEL})@([a-z][a-z0-9_-]*)")),
    ("version", re.compile(rf"({_MODEL})/([0-9]{{1,9}}(?:@[0-9a-f]{{6,64}})?)")),
    ("dataset", re.compile(rf"({_MODEL})/([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}/[0-9a-f]{{6,64}})")),
    ("partition", re.compile(rf"({_MODEL})/([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})")),
)
_RUN = re.compile(rf"(?P<dag>(?P<model>{_MODEL})__[a-z][a-z0-9_]*)/(?P<run>.+)", re.DOTALL)


class UnknownReferenceError(TerminalError):
    """A reference without a record, or with several meanings. It stops nothing but its command."""

    consequence = ""


@dataclass(frozen=True)
class Reference:
    """A parsed reference.

    Attributes:
        text: The text as given.
        kind: Its kind by its form. A ``word`` is the start of a digest, or the id of a prediction
            or a run.
        value: The version, alias, dataset id without its model, day, run id, or the word.
        model: The model; None when neither text nor caller names it.
        dag_id: The Airflow DAG; None when the text does not name it.
    """

    text: str
    kind: Kind
    value: str
    model: str | None = None
    dag_id: str | None = None


def parse_reference(text: str, model: str | None = None) -> Reference:
    """Parse a reference.

    Args:
        text: One of the forms of `ALLOWED`. With `model`, version, alias and day need no model.
        model: The model; None: the text's model, or any.

    Raises:
        TerminalError: when the text has none of these forms, or names another model.

    >>> parse_reference("delivery_eta/7").kind, parse_reference("7", "delivery_eta").kind
    ('version', 'version')
    """
    stripped = text.strip()
    parsed = _parse_form(stripped) or _parse_dag_run(stripped)
    if parsed is None and model is not None:
        parsed = _parse_form(f"{model}{stripped}") or _parse_form(f"{model}/{stripped}")
    if parsed is None:
        if not stripped or "\n" in stripped:
            raise unknown_reference(text)
        parsed = Reference(stripped, "word", stripped, model)
    if model not in (None, parsed.model):
        raise unknown_reference(
            f"{text} of {model}",
            "the reference is to another model than the one named",
            allowed=str(parsed.model),
            next_step="leave --model out",
        )
    return replace(parsed, text=text)


def _parse_form(text: str) -> Reference | None:
    for kind, form in _FORMS:
        match = form.fullmatch(text)
        if match and (kind != "partition" or _is_day(match[2])):
            value = _without_zeros(match[2]) if kind == "version" else match[2]
            return Reference(text, kind, value, match[1])
    return None


def _parse_dag_run(text: str) -> Reference | None:
    match = _RUN.fullmatch(text)
    # Greedy: a model's name may contain two underscores, the rest of a DAG id does not.
    return Reference(text, "run", match["run"], match["model"], match["dag"]) if match else None


def _without_zeros(version: str) -> str:
    number, at, digest = version.partition("@")
    return f"{int(number)}{at}{digest}"


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def unknown_reference(
    received: str,
    problem: str = "nothing is recorded under this reference",
    *,
    allowed: str = ALLOWED,
    next_step: str | None = None,
) -> UnknownReferenceError:
    """Return the error for a reference without a record.

    Args:
        received: The reference.
        problem: The problem.
        allowed: The allowed references.
        next_step: The next step for the user.
    """
    return UnknownReferenceError(
        problem, received=received or "nothing", allowed=allowed, next_step=next_step
    )
