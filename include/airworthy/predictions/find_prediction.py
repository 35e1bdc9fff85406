"""Finds one prediction by its id, in the spool or in the lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import polars as pl

from airworthy.environment import Environment
from airworthy.features import POLARS_TYPES
from airworthy.lake import delta
from airworthy.predictions.decoding import prediction_decoder
from airworthy.predictions.log_rows import DAY, INPUT_PREFIX, KEY_PREFIX, SHADOW
from airworthy.predictions.log_tables import table_uri
from airworthy.predictions.prediction_ids import creation_time, whole_prediction_id
from airworthy.predictions.record_frames import whole_frames
from airworthy.predictions.segments import segments_in
from airworthy.predictions.spool import PREDICTIONS, spool_folder, spooled_models
from airworthy.spec.loading import SPEC_FILE


@dataclass(frozen=True)
class LoggedPrediction:
    """One prediction, as answered.

    Attributes:
        id: The prediction's id.
        model: The model's name.
        model_version: The answering version.
        arm: ``champion`` or ``challenger``.
        time: The time of the answer, UTC.
        targeting_key: The key for the choice of the arm.
        prediction: A value, the positive class's probability, or the most probable class's code.
        probabilities: The probability of each class, for a multiclass model.
        predicted_class: The name of the most probable class, for a multiclass model.
        inputs: The row of the request, by column.
        key: The row's key by column, if the request had it.
        in_lake: Whether it was collected.
    """

    id: str
    model: str
    model_version: str
    arm: str
    time: datetime
    targeting_key: str
    prediction: float | None
    probabilities: list[float | None] | None
    predicted_class: str | None
    inputs: dict[str, Any]
    key: dict[str, Any]
    in_lake: bool


def find_prediction(
    environment: Environment, model: str | None, text: str
) -> LoggedPrediction | None:
    """Return a prediction, or None when neither spool nor lake has it.

    Args:
        environment: The environment with the spool and the lake.
        model: The model's name. None: all models with a spec or a spool.
        text: ``<request id>:<row>``. A request's id alone means its first row.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    prediction_id = whole_prediction_id(text)
    for name in [model] if model is not None else _model_names(environment):
        # The spool first: a record collected meanwhile is in the lake when the lake is read.
        row = _find_in_spool(environment, name, prediction_id)
        if row is not None:
            return _prediction(name, row, in_lake=False)
        row = _find_in_lake(table_uri(environment, name, PREDICTIONS), prediction_id)
        if row is not None:
            return _prediction(name, row, in_lake=True)
    return None


def _model_names(environment: Environment) -> list[str]:
    specified = {path.parent.name for path in environment.models.glob(f"*/{SPEC_FILE}")}
    return sorted({*specified, *spooled_models(environment)})


def _find_in_spool(
    environment: Environment, model: str, prediction_id: str
) -> dict[str, Any] | None:
    request_id = prediction_id.partition(":")[0].encode()
    for segment in segments_in(spool_folder(environment) / model / PREDICTIONS):
        try:
            content = segment.path.read_bytes()
        except FileNotFoundError:  # collected since it was listed
            continue
        if request_id not in content:
            continue
        payloads = [frame.payload for frame in whole_frames(content) if request_id in frame.payload]
        rows = prediction_decoder(environment, model)(payloads, {}).filter(_answered(prediction_id))
        if not rows.is_empty():
            return rows.row(0, named=True)
    return None


def _find_in_lake(uri: str, prediction_id: str) -> dict[str, Any] | None:
    """Read only the files of the id's day, or the next, with the id in their range of ids.

    The table's log has the smallest and largest id of each file, cut to valid bounds.
    """
    table = delta.open_table(uri)
    if table is None:
        return None
    with delta.delta_errors(uri):
        files = pl.DataFrame(table.get_add_actions(flatten=True))
        if "min.id" not in files.columns:
            return None
        candidates = files.filter(
            pl.lit(prediction_id).is_between("min.id", "max.id").fill_null(True)
        )
        created = creation_time(prediction_id.partition(":")[0])
        if created is not None:
            days = [(created + timedelta(days=later)).date().isoformat() for later in (0, 1)]
            candidates = candidates.filter(pl.col(f"partition.{DAY}").is_in(days))
        names = {path.rsplit("/", 1)[-1] for path in candidates["path"]}
        for path in (path for path in table.file_uris() if path.rsplit("/", 1)[-1] in names):
            file = delta.scan_files(uri, [path if "://" in path else unquote(path)])
            row = file.filter(_answered(prediction_id)).collect()
            if not row.is_empty():
                return row.row(0, named=True)
    return None


def _answered(prediction_id: str) -> pl.Expr:
    # A shadow prediction has the same id, but it was never sent.
    return (pl.col("id") == prediction_id) & (pl.col("arm") != SHADOW)


def _prediction(model: str, row: dict[str, Any], *, in_lake: bool) -> LoggedPrediction:
    names = (
        "id",
        "model_version",
        "arm",
        "targeting_key",
        "prediction",
        "probabilities",
        "predicted_class",
    )
    return LoggedPrediction(
        **{name: row[name] for name in names},
        model=model,
        time=row["time"].astimezone(UTC),
        inputs=values_by_name(row, INPUT_PREFIX),
        key=values_by_name(row, KEY_PREFIX),
        in_lake=in_lake,
    )


def values_by_name(row: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the values of a log's columns with a prefix, by name without it.

    A column with several types has one name. Its value is the one not null.
    """
    values: dict[str, Any] = {}
    for column, value in row.items():
        if column.startswith(prefix):
            name, _, kind = column.removeprefix(prefix).rpartition("__")
            name = name if kind in POLARS_TYPES else column.removeprefix(prefix)
            if value is not None or name not in values:
                values[name] = value
    return values
