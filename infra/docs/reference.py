"""Writes the reference pages of docs/reference from the code: `make docs` runs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from command_reference import command_page
from dag_reference import dag_page
from docstrings import attributes, summary
from http_reference import http_page
from markdown import code, page, table
from metric_reference import metric_page
from schema_tables import object_tables, reachable

from airworthy.environment import Environment
from airworthy.ledger.events import KnownEvent
from airworthy.spec.alerts_part import AlertKind
from airworthy.spec.spec_schema import spec_schema

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def spec_page() -> str:
    """Return the page of ``model.yaml``."""
    schema = spec_schema()
    names = {"": "model.yaml"} | {name: name for name in reachable(schema, schema)}
    return page(
        "The spec: model.yaml",
        "One file describes a model. `airworthy check MODEL` reads it as a run does. Each table is "
        "one object; a key without a default is optional, or required where the table says so.",
        *object_tables(schema, names),
    )


def environment_page() -> str:
    """Return the page of the files in ``include/environments``."""
    schema = Environment.model_json_schema(mode="validation")
    names = {name: name for name in reachable(schema, schema)}
    return page(
        "The environment",
        "`AIRWORTHY_ENV` names a file of `include/environments`: where things live, and the rules "
        "of a deployment. Relative paths are below the project.",
        *object_tables(schema, {"": "Environment", **names}),
    )


def ledger_page() -> str:
    """Return the page of the kinds of ledger entries."""
    parts = []
    for event in sorted(get_args(KnownEvent), key=lambda each: str(each.kind)):
        texts = attributes(event.__doc__)
        fields = {
            field.alias or name: texts.get(name) or field.description or ""
            for name, field in event.model_fields.items()
            if not field.exclude
        }
        rows = [(code(name), text) for name, text in fields.items()]
        parts += [f"## {event.kind}", summary(event.__doc__), table(("key", "meaning"), rows)]
    return page(
        "Kinds of ledger entries",
        "Each entry of a model's ledger has a kind, and a payload with the keys below. "
        "`airworthy ledger MODEL --json` prints them.",
        *parts,
    )


def alert_page() -> str:
    """Return the page of the kinds of alerts."""
    kinds = [(code(kind),) for kind in get_args(AlertKind)]
    return page(
        "Kinds of alerts",
        "`alerts: [{kinds: [...]}]` of an environment narrows what a channel is told of.",
        table(("kind",), kinds),
    )


PAGES: dict[str, Callable[[], str]] = {
    "spec.md": spec_page,
    "environment.md": environment_page,
    "commands.md": command_page,
    "dags.md": dag_page,
    "ledger.md": ledger_page,
    "alerts.md": alert_page,
    "metrics.md": metric_page,
    "http_api.md": http_page,
}


def main() -> None:
    """Write all pages into a folder: the first argument, or docs/reference."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
