"""The raw rows that were logged with a version, as its server reads them."""

from __future__ import annotations

import orjson
import polars as pl

from airworthy.errors import TerminalError
from airworthy.features import polars_schema
from airworthy.registry.registry import Registry
from airworthy.serving.loaded_model import Limits, LoadedModel


def example_rows(registry: Registry, offline: LoadedModel, stage: str) -> pl.DataFrame:
    """Return the raw rows that were logged with a version, with the types of its inputs.

    Args:
        registry: The registry.
        offline: The version.
        stage: The stage that needs them, for the error.

    Raises:
        TerminalError: when no rows were logged.
    """
    example = registry.example(offline.model, offline.version)
    if example is None:
        raise TerminalError(
            f"no example rows were logged with version {offline.version}",
            model=offline.model,
            stage=stage,
            allowed="versions that the register stage made",
            next_step="name another version with --to-version",
        )
    columns = offline.read(orjson.dumps(example), Limits())
    schema = polars_schema(offline.bundle.manifest.inputs)
    series = zip(schema.items(), columns, strict=True)
    return pl.DataFrame([pl.Series(name, values, dtype=kind) for (name, kind), values in series])
