"""The version that scores: verified and loaded as the model server does it."""

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
    environment: Environment, inputs: ScoringInputs, held: Mapping[str, pl.DataType]
) -> ModelBundle:
    """Return the bundle of the version that was settled at the run's start.

    Args:
        environment: Where the registry is.
        inputs: What the run scores, and by which version.
        held: The columns of the rows, with their Polars types.

    Raises:
        TerminalError: when its files are not those that were registered, it cannot predict, or it takes columns that
            the rows do not have.
        TransientError: when MLflow cannot be reached.
    """
    folder, _ = open_registry(environment).bundle(inputs.model, inputs.version)
    bundle = LoadedModel.load(inputs.model, inputs.version, folder, inputs.bundle_digest).bundle
    wanted = polars_schema(bundle.manifest.inputs)
    missing = [f"{name}: {kind}" for name, kind in wanted.items() if held.get(name) != kind]
    if missing:
        raise TerminalError(
            f"version {inputs.version} takes columns that the rows do not have",
            model=inputs.model,
            stage="score",
            received=", ".join(f"{name}: {kind}" for name, kind in held.items()),
            allowed=f"rows with {', '.join(missing)}",
            next_step=f"train and release a version for the spec as it is: airworthy run {inputs.model}",
        )
    # The server's requests share the processors; a batch has them to itself.
    bundle.booster.set_param({"nthread": 0})
    return bundle
