"""Loads the scoring version, verified as in the model server."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from airworthy.bundle import ModelBundle
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.features import polars_schema
from airworthy.handover import ScoringInputs
from airworthy.registry.registry import open_registry
from airworthy.serving.loaded_model import LoadedModel


def load_champion(
    environment: Environment, inputs: ScoringInputs, row_schema: Mapping[str, pl.DataType]
) -> ModelBundle:
    """Return the bundle of the version resolved at the run's start.

    Args:
        environment: The environment with the registry.
        inputs: The rows to score, and the version.
        row_schema: The columns of the rows, with their Polars types.

    Raises:
        TerminalError: when its files have another digest than the resolved one, it cannot predict,
            or the rows lack columns of its inputs.
        TransientError: when MLflow cannot be reached.
    """
    folder, _ = open_registry(environment).bundle(inputs.model, inputs.version)
    bundle = LoadedModel.load(inputs.model, inputs.version, folder, inputs.bundle_digest).bundle
    input_schema = polars_schema(bundle.manifest.inputs)
    missing = [
        f"{name}: {kind}" for name, kind in input_schema.items() if row_schema.get(name) != kind
    ]
    if missing:
        raise TerminalError(
            f"version {inputs.version} takes columns that the rows do not have",
            model=inputs.model,
            stage="score",
            received=", ".join(f"{name}: {kind}" for name, kind in row_schema.items()),
            allowed=f"rows with {', '.join(missing)}",
            next_step="train and release a version for the spec as it is: "
            f"airworthy run {inputs.model}",
        )
    # Requests in the server share the processors. A batch uses all of them.
    bundle.booster.set_param({"nthread": 0})
    return bundle
