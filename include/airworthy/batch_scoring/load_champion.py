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
from airworthy.traffic import Traffic
from airworthy.traffic.champion_files import champion_digest


def resolve_champion(
    environment: Environment, model: str, traffic: Traffic, purpose: str
) -> tuple[str, str]:
    """Return the champion's version and the digest of its files, both by the ledger.

    Args:
        environment: The environment with the registry.
        model: The model.
        traffic: Its traffic by the ledger.
        purpose: The use of the champion in words, for the error.

    Raises:
        TerminalError: when there is none, or MLflow and the ledger name different files.
        TransientError: when MLflow cannot be reached.
    """
    champion = traffic.champion
    if champion is None:
        raise TerminalError(
            f"there is no champion to {purpose} with",
            model=model,
            received="no release in the model's ledger",
            allowed="a released version",
            next_step=f"train and release one: airworthy run {model}",
        )
    return champion.version, champion_digest(open_registry(environment), model, champion)


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
