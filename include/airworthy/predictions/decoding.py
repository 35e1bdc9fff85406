"""Decoders of spooled records. They need the versions' inputs and the spec's key."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import polars as pl
from pydantic import ValidationError

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.predictions.log_rows import Columns, Types, prediction_rows
from airworthy.predictions.spool import VERSIONS, LoggedVersion, spool_folder
from airworthy.spec import SpecError, load_spec

Decode = Callable[[list[bytes], Types], pl.DataFrame]


def prediction_decoder(environment: Environment, model: str) -> Decode:
    """Return a function from a model's spooled records to rows; see `prediction_rows`.

    The function raises a `TerminalError` when the spool has no description of a version's requests.
    """
    folder = spool_folder(environment) / model
    key = _key_columns(environment, model)

    @lru_cache(maxsize=1000)
    def read_version(version: str) -> LoggedVersion:
        path = folder / VERSIONS / f"{version}.json"
        try:
            return LoggedVersion.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError) as error:
            raise TerminalError(
                f"the spool does not say how requests of version {version} are read",
                model=model,
                stage="collect",
                received=f"{path}: {error}",
                allowed="the version's inputs, task and classes, as JSON",
                next_step="restart the model server, which writes it with its next prediction of "
                "that version",
            ) from None

    return lambda payloads, table_types: prediction_rows(payloads, read_version, key, table_types)


def _key_columns(environment: Environment, model: str) -> Columns:
    """Return the spec's key with its types. It is empty for a missing or broken spec."""
    try:
        ingest = load_spec(environment.models / model / "model.yaml").ingest
    except SpecError:
        return {}
    return ingest.key_types if ingest.key else {}
