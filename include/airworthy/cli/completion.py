"""Names for the Tab key: models, and their versions and aliases. Typer asks for them.

Only this machine's disk is looked at, and nothing heavy is imported: a network or Polars would let a
person wait. So the versions are those of a registry in a SQLite file; others complete to nothing. A
fault completes to nothing, too: the command itself says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from airworthy.environment import Environment, load_environment
from airworthy.errors import AirworthyError
from airworthy.object_store import local_folder

_SQLITE = "sqlite:///"
_WAIT_SECONDS = 0.2
_VERSIONS = (
    "SELECT CAST(version AS TEXT) FROM model_versions "
    "WHERE name = ? AND current_stage <> 'Deleted_Internal' ORDER BY version DESC"
)
_ALIASES = "SELECT alias FROM registered_model_aliases WHERE name = ? ORDER BY alias"


def complete_models(incomplete: str) -> list[str]:
    """Return the names of models that begin so: those with a folder, and those with a ledger."""
    return _quietly(lambda environment: _models(environment, incomplete))


def complete_versions(context: typer.Context, incomplete: str) -> list[str]:
    """Return the versions of the command's MODEL that begin so, the newest first."""
    model = str(context.params.get("model") or "")
    return _quietly(lambda environment: _starting(_rows(environment, _VERSIONS, model), incomplete))


def complete_references(incomplete: str) -> list[str]:
    """Return ``MODEL@ALIAS`` and ``MODEL/VERSION`` that begin so.

    While several models begin so, the versions are left out: there would be too many.
    """
    return _quietly(lambda environment: _references(environment, incomplete))


def _references(environment: Environment, incomplete: str) -> list[str]:
    model = incomplete.replace("@", "/").partition("/")[0]
    models = _models(environment, model)
    if incomplete != model:
        models = [name for name in models if name == model]
    found = [f"{name}@{each}" for name in models for each in _rows(environment, _ALIASES, name)]
    for name in models if len(models) == 1 else ():
        found += [f"{name}/{each}" for each in _rows(environment, _VERSIONS, name)]
    return _starting(found, incomplete)


def _models(environment: Environment, incomplete: str) -> list[str]:
    from airworthy.cli.model_names import spec_names

    lake = local_folder(environment.lake)
    ledgers = lake.glob("*/ledger") if lake is not None else ()
    names = {*spec_names(environment), *(path.parent.name for path in ledgers)}
    return _starting(sorted(names), incomplete)


def _rows(environment: Environment, query: str, model: str) -> Iterator[str]:
    """Yield the first column of a query on the registry's file."""
    import sqlite3

    address = environment.tracking_uri
    if not address.startswith(_SQLITE):
        return
    path = Path(address.removeprefix(_SQLITE)).absolute()
    try:
        opened = sqlite3.connect(f"{path.as_uri()}?mode=ro", _WAIT_SECONDS, uri=True)
        with closing(opened) as database:
            yield from (row[0] for row in database.execute(query, (model,)))
    except sqlite3.Error:
        return


def _starting(names: Iterator[str] | list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _quietly(find: Callable[[Environment], list[str]]) -> list[str]:
    try:
        return find(load_environment())
    except (AirworthyError, OSError):
        return []


Model = Annotated[str, typer.Argument(help="The model's name.", autocompletion=complete_models)]
