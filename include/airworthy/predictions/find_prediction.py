"""One prediction by its id, be it in the lake already or in the spool still."""

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
from airworthy.predictions.prediction_ids import made_at, whole_prediction_id
from airworthy.predictions.record_frames import whole_frames
from airworthy.predictions.segments import segments_in
from airworthy.predictions.spool import PREDICTIONS, spool_folder, spooled_models
from airworthy.spec.loading import SPEC_FILE


@dataclass(frozen=True)
class FoundPrediction:
    """One prediction as it was answered.

    Attributes:
        id: The prediction's id.
        model: The model's name.
        model_version: The version that answered.
        arm: ``champion`` or ``challenger``.
        time: When it was answered, UTC.
        targeting_key: What decided between the arms.
        prediction: A value, the positive class's probability, or the code of the most probable class.
        probabilities: Each class's, of a multiclass model.
        predicted_class: The most probable class's name, of a multiclass model.
        inputs: The row that was asked about, by column.
        key: The row's key by column, where the request held it.
        in_lake: Whether it was collected already.
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
) -> FoundPrediction | None:
    """Return a prediction, or None when nothing is known of it.

    Args:
        environment: Where to look.
        model: The model's name; None: any of the models that have a spec.
        text: ``<request id>:<row>``; a request's id alone means its first row.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    wanted = whole_prediction_id(text)
    for name in [model] if model is not None else _known_models(environment):
        # The spool first: what is collected meanwhile is in the lake by the time that it is asked.
        found = _in_spool(environment, name, wanted)
        row = (
            found
            if found is not None
            else _in_lake(table_uri(environment, name, PREDICTIONS), wanted)
        )
        if row is not None:
            return _prediction(name, row, in_lake=found is None)
    return None


def _known_models(environment: Environment) -> list[str]:
    specified = {path.parent.name for path in environment.models.glob(f"*/{SPEC_FILE}")}
    return sorted({*specified, *spooled_models(environment)})


def _in_spool(environment: Environment, model: str, wanted: str) -> dict[str, Any] | None:
    request = wanted.partition(":")[0].encode()
    for segment in segments_in(spool_folder(environment) / model / PREDICTIONS):
        try:
            content = segment.path.read_bytes()
        except FileNotFoundError:  # collected since it was listed
            continue
        if request not in content:
            continue
        payloads = [frame.payload for frame in whole_frames(content) if request in frame.payload]
        rows = prediction_decoder(environment, model)(payloads, {}).filter(_answered(wanted))
        if not rows.is_empty():
            return rows.row(0, named=True)
    return None


def _in_lake(uri: str, wanted: str) -> dict[str, Any] | None:
    """Look into the files that may hold an id: those of its day, where it is between the least and the greatest.

    The table's log has both for each file; texts are cut there, to values that are not greater and not smaller.
    """
    table = delta.open_table(uri)
    if table is None:
        return None
    with delta.explained(uri):
        files = pl.DataFrame(table.get_add_actions(flatten=True))
        if "min.id" not in files.columns:
            return None
        near = files.filter(pl.lit(wanted).is_between("min.id", "max.id").fill_null(True))
        made = made_at(wanted.partition(":")[0])
        if made is not None:
            days = [(made + timedelta(days=later)).date().isoformat() for later in (0, 1)]
            near = near.filter(pl.col(f"partition.{DAY}").is_in(days))
        names = {path.rsplit("/", 1)[-1] for path in near["path"]}
        for path in (path for path in table.file_uris() if path.rsplit("/", 1)[-1] in names):
            file = pl.scan_parquet(
                path if "://" in path else unquote(path), glob=False, hive_partitioning=False
            )
            row = file.filter(_answered(wanted)).collect()
            if not row.is_empty():
                return row.row(0, named=True)
    return None


def _answered(wanted: str) -> pl.Expr:
    # What a challenger said in the shadow has its request's id as well, and nobody saw it.
    return (pl.col("id") == wanted) & (pl.col("arm") != SHADOW)


def _prediction(model: str, row: dict[str, Any], *, in_lake: bool) -> FoundPrediction:
    plain = (
        "id",
        "model_version",
        "arm",
        "targeting_key",
        "prediction",
        "probabilities",
        "predicted_class",
    )
    return FoundPrediction(
        **{name: row[name] for name in plain},
        model=model,
        time=row["time"].astimezone(UTC),
        inputs=_named(row, INPUT_PREFIX),
        key=_named(row, KEY_PREFIX),
        in_lake=in_lake,
    )


def _named(row: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the columns with a prefix, without it; of a column with several types, the one that has a value."""
    found: dict[str, Any] = {}
    for column, value in row.items():
        if column.startswith(prefix):
            name, _, kind = column.removeprefix(prefix).rpartition("__")
            name = name if kind in POLARS_TYPES else column.removeprefix(prefix)
            if value is not None or name not in found:
                found[name] = value
    return found
