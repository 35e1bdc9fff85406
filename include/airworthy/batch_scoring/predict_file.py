"""Predicts the rows of a file with a model's champion, as its server answers them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from airworthy.batch_scoring.file_rows import FileRows, read_file_rows
from airworthy.batch_scoring.load_champion import resolve_champion
from airworthy.batch_scoring.predict import predict
from airworthy.bundle import Manifest
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.registry.registry import open_registry
from airworthy.serving.loaded_model import LoadedModel
from airworthy.spec import ModelSpec
from airworthy.traffic.current_traffic import current_traffic, retired_error

PREDICTION, PROBLEM = "prediction", "problem"
_ROW = "__row"


@dataclass(frozen=True)
class FilePredictions:
    """The predictions of a file.

    Attributes:
        version: The version that predicted.
        rows: The file's rows with `prediction`; of a multiclass task `predicted_class` and a column
            for each class instead; and `problem` where a row has no prediction.
        refused: The number of rows without a prediction.
    """

    version: str
    rows: pl.DataFrame
    refused: int


def predict_file(environment: Environment, spec: ModelSpec, path: Path) -> FilePredictions:
    """Predict the rows of a file. Nothing is written and nothing is logged.

    Args:
        environment: The environment with ledger and registry.
        spec: The model's spec.
        path: The file.

    Raises:
        TerminalError: when the model has no champion, or the file cannot be used.
        TransientError: when MLflow or the ledger cannot be reached.
    """
    loaded = _champion(environment, spec.model)
    inputs = loaded.bundle.manifest.inputs
    rows = read_file_rows(path, spec, inputs, loaded.optional)
    _refuse_taken_names(path, spec.model, rows.raw)
    problems = _outside_contract(loaded, rows)
    usable = rows.inputs.with_row_index(_ROW).filter(problems.is_null())
    answers = _answers(loaded, usable)
    numbered = rows.raw.with_row_index(_ROW).join(answers, on=_ROW, how="left").sort(_ROW)
    told = numbered[PROBLEM].zip_with(problems.is_null(), problems).alias(PROBLEM)
    result = numbered.drop(_ROW, PROBLEM).with_columns(told)
    refused = result.height - result[PROBLEM].null_count()
    return FilePredictions(loaded.version, result if refused else result.drop(PROBLEM), refused)


def _refuse_taken_names(path: Path, model: str, raw: pl.DataFrame) -> None:
    taken = [name for name in (PREDICTION, PROBLEM) if name in raw.columns]
    if taken:
        raise TerminalError(
            f"{path.name} has a column {taken[0]!r}, which the result adds",
            model=model,
            received=", ".join(raw.columns),
            allowed="rows without their predictions",
            next_step="give that column another name",
        )


def _champion(environment: Environment, model: str) -> LoadedModel:
    traffic = current_traffic(environment, model)
    if traffic.retired is not None:
        raise retired_error(model, traffic.retired)
    version, digest = resolve_champion(environment, model, traffic, "predict")
    folder, _ = open_registry(environment).bundle(model, version)
    return LoadedModel.load(model, version, folder, digest)


def _outside_contract(loaded: LoadedModel, rows: FileRows) -> pl.Series:
    """Return each row's problem, with those that the server would refuse by the contract."""
    if loaded.contract is None:
        return rows.problems
    columns = [column.to_list() for column in rows.inputs.iter_columns()]
    outside = loaded.contract.outside(columns)
    if outside is None or outside.refusal is None:
        return rows.problems  # The usual file: no row has to be looked at alone.
    problems = rows.problems.to_list()
    for row in range(rows.inputs.height):
        outside = loaded.contract.outside([[column[row]] for column in columns])
        if outside is not None and outside.refusal is not None and problems[row] is None:
            body = outside.refusal.body
            problems[row] = f"{body['field']} {body['received']}, allowed: {body['allowed']}"
    return pl.Series(PROBLEM, problems, dtype=pl.String)


def _answers(loaded: LoadedModel, usable: pl.DataFrame) -> pl.DataFrame:
    """Return the predictions by row number, and the problem of rows that the model cannot take."""
    if usable.is_empty():
        return pl.DataFrame(schema={_ROW: pl.UInt32, PREDICTION: pl.Float64, PROBLEM: pl.String})
    scored = predict(loaded.bundle, usable, [pl.col(_ROW)], usable.height)
    number = pl.col("row").str.json_path_match(f"$.{_ROW}").cast(pl.UInt32)
    failed = scored.unscorable.select(number.alias(_ROW), pl.col("reason").alias(PROBLEM))
    answers = _columns(loaded.bundle.manifest, scored.rows)
    return pl.concat([answers, failed], how="diagonal")


def _columns(manifest: Manifest, scored: pl.DataFrame) -> pl.DataFrame:
    """Return one column, or a class and the probability of each class in columns of their own."""
    if manifest.task != "multiclass":
        return scored.select(_ROW, PREDICTION)
    shares = [
        pl.col("probabilities").list.get(position).alias(f"probability {name}")
        for position, name in enumerate(manifest.classes)
    ]
    return scored.select(_ROW, "predicted_class", *shares)
