"""Decodes spooled records into typed rows.

A prediction's row has the `PREDICTION_COLUMNS`, and ``input_<column>`` for every input of the
answering version. It has ``key_<column>`` for the spec's key, if the request had it: labels in the
model's data are joined by it. A column is named ``input_<column>__<type>``, if the table has its
plain name with another type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import maxsize
from typing import Any

import orjson
import polars as pl

from airworthy.features import POLARS_TYPES
from airworthy.lake.times import UTC_MICROSECONDS
from airworthy.predictions.prediction_ids import prediction_id, whole_prediction_id
from airworthy.predictions.spool import LoggedVersion
from airworthy.protocol.input_columns import InputColumn
from airworthy.protocol.invocations import parse_body
from airworthy.protocol.refusals import RefusedError
from airworthy.spec.fields import ColumnType

DAY = "day"
INPUT_PREFIX, KEY_PREFIX = "input_", "key_"
# The arm of logged answers never sent. They have the request's id, like the sent answer.
SHADOW = "shadow"
# `time` is the time of the answer. `prediction` is a value, the positive class's probability, or
# the most probable class's code. `unread_body` is a request not readable as the version's inputs.
PREDICTION_COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "request_id": pl.String(),
    "row": pl.Int64(),
    "time": UTC_MICROSECONDS,
    DAY: pl.String(),
    "model_version": pl.String(),
    "arm": pl.String(),
    "targeting_key": pl.String(),
    "prediction": pl.Float64(),
    "probabilities": pl.List(pl.Float64()),
    "predicted_class": pl.String(),
    "unread_body": pl.String(),
}
# `time` is the label's arrival. A number or boolean is in `value`, a class's name in `text`.
LABEL_COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "time": UTC_MICROSECONDS,
    DAY: pl.String(),
    "value": pl.Float64(),
    "text": pl.String(),
}

Columns = dict[str, ColumnType]
Types = dict[str, pl.DataType]


def prediction_rows(
    payloads: Iterable[bytes],
    read_version: Callable[[str], LoggedVersion],
    key: Columns,
    table_types: Types,
) -> pl.DataFrame:
    """Return one row per prediction, sorted by id.

    Args:
        payloads: Records written by `PredictionLog.record`.
        read_version: Returns the description of a version's requests.
        key: The spec's key columns with their types.
        table_types: The table's columns with their types. New columns of these rows are added.
    """
    groups: dict[tuple[str, bool], _RowGroup] = {}
    unread = _RowGroup({}, {})
    for payload in payloads:
        line, _, body = payload.partition(b"\n")
        head = orjson.loads(line)
        version = read_version(head["version"])
        with_key = bool(key) and all(orjson.dumps(name) in body for name in key)
        group_key = (head["version"], with_key)
        if group_key not in groups:
            groups[group_key] = _RowGroup(version.inputs, key if with_key else {})
        try:
            groups[group_key].add(head, version, body)
        except RefusedError:
            # The key is in some rows only, or it is a word elsewhere in the body: read without it.
            keyless = groups.setdefault((head["version"], False), _RowGroup(version.inputs, {}))
            _add_readable(keyless, unread, head, version, body)
    frames = [rows.frame(table_types) for rows in (*groups.values(), unread)]
    return pl.concat(frames, how="diagonal").sort("id")


def label_rows(payloads: Iterable[bytes]) -> pl.DataFrame:
    """Return one row per label in records written by `PredictionLog.record_labels`."""
    rows = []
    for payload in payloads:
        record = orjson.loads(payload)
        for text, label in record["labels"]:
            is_text = isinstance(label, str)
            rows.append(
                {
                    "id": whole_prediction_id(text),
                    "time": record["time"],
                    "value": None if is_text or label is None else float(label),
                    "text": label if is_text else None,
                }
            )
    frame = pl.DataFrame(
        rows, schema={name: kind for name, kind in LABEL_COLUMNS.items() if name != DAY}
    )
    return frame.with_columns(_day()).select(*LABEL_COLUMNS)


def typed_column_name(name: str, kind: ColumnType, table_types: Types) -> str:
    """Return the name of the column for values of a declared type.

    It is the plain name, or the name with the type when the table's column has another type.

    >>> typed_column_name("input_age", "int", {"input_age": pl.Float64()})
    'input_age__int'

    Args:
        name: The plain name.
        kind: The declared type.
        table_types: The table's columns with their types. A new plain name is added.
    """
    declared = POLARS_TYPES[kind]
    return name if table_types.setdefault(name, declared) == declared else f"{name}__{kind}"


class _RowGroup:
    """Rows of requests with the same columns."""

    def __init__(self, inputs: Columns, key: Columns) -> None:
        # A key column that is an input, too, is in the body once and in the log twice.
        columns = inputs | key
        self._logged = [
            *((INPUT_PREFIX + name, name, kind) for name, kind in inputs.items()),
            *((KEY_PREFIX + name, name, kind) for name, kind in key.items()),
        ]
        self._names = list(columns)
        # The request was answered: whatever its version took as a category is read here, too.
        self._columns = [
            InputColumn(name, kind, True, ("number", "boolean")) for name, kind in columns.items()
        ]
        # The event time is the first input. Where no feature reads it, requests may leave it out.
        self._optional = list(inputs)[:1]
        self._values: list[list[Any]] = [[] for _ in self._columns]
        self._answers: dict[str, list[Any]] = {
            name: [] for name in PREDICTION_COLUMNS if name != DAY
        }

    def add(self, head: dict[str, Any], version: LoggedVersion, body: bytes) -> None:
        """Add one request's rows.

        Args:
            head: The record's first line.
            version: The description of the answering version.
            body: The request's body.

        Raises:
            RefusedError: when the body cannot be read. Nothing was added.
        """
        parsed = parse_body(body, self._names, maxsize, exact=False, optional=self._optional)
        if len(parsed[0]) != len(head["predictions"]):
            raise RefusedError(400, "the body has not one row per prediction")
        new_values = [column.read(raw) for column, raw in zip(self._columns, parsed, strict=True)]
        for values, new in zip(self._values, new_values, strict=True):
            values.extend(new)
        self.add_answers(head, version, None)

    def add_answers(self, head: dict[str, Any], version: LoggedVersion, unread: str | None) -> None:
        """Add the answers to one request.

        Args:
            head: The record's first line.
            version: The description of the answering version.
            unread: The body, if it could not be read.
        """
        predictions = head["predictions"]
        count = len(predictions)
        classes = version.task == "multiclass"
        best = [_best(each) for each in predictions] if classes else []
        names = (
            [None if code is None else version.classes[code] for code in best]
            if classes
            else [None] * count
        )
        columns = {
            "id": [prediction_id(head["id"], row) for row in range(count)],
            "request_id": [head["id"]] * count,
            "row": range(count),
            "time": [head["time"]] * count,
            "model_version": [head["version"]] * count,
            "arm": [head["arm"]] * count,
            "targeting_key": [head["key"]] * count,
            "prediction": best if classes else predictions,
            "probabilities": predictions if classes else [None] * count,
            "predicted_class": names,
            "unread_body": [unread] * count,
        }
        for name, values in columns.items():
            self._answers[name].extend(values)

    def frame(self, table_types: Types) -> pl.DataFrame:
        """Return all rows, with column names for the table's types."""
        answers = [
            pl.Series(name, values, PREDICTION_COLUMNS[name])
            for name, values in self._answers.items()
        ]
        values = dict(zip(self._names, self._values, strict=True))
        inputs = [
            pl.Series(
                typed_column_name(column, kind, table_types), values[name], POLARS_TYPES[kind]
            )
            for column, name, kind in self._logged
        ]
        return pl.DataFrame([*answers, *inputs]).with_columns(_day())


def _add_readable(
    keyless: _RowGroup, unread: _RowGroup, head: dict[str, Any], version: LoggedVersion, body: bytes
) -> None:
    try:
        keyless.add(head, version, body)
    except RefusedError:
        unread.add_answers(head, version, body.decode(errors="replace"))


def _best(probabilities: list[float | None]) -> int | None:
    numbers = [number for number in probabilities if number is not None]
    return probabilities.index(max(numbers)) if len(numbers) == len(probabilities) else None


def _day() -> pl.Expr:
    return pl.col("time").dt.strftime("%Y-%m-%d").alias(DAY)
