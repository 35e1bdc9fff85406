"""Spooled records become typed rows.

A prediction's row has what `PREDICTION_COLUMNS` says, ``input_<column>`` for every input of the version that answered,
and ``key_<column>`` for the spec's key where the request held it: by it, labels that arrive with the model's data find
their prediction. A column whose type another version declares differently is ``input_<column>__<type>`` there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import maxsize
from typing import Any

import orjson
import polars as pl

from airworthy.features import POLARS_TYPES
from airworthy.predictions.prediction_ids import prediction_id, whole_prediction_id
from airworthy.predictions.spool import LoggedVersion
from airworthy.protocol.input_columns import InputColumn
from airworthy.protocol.invocations import parse_body
from airworthy.protocol.refusals import RefusedError
from airworthy.spec.fields import ColumnType

DAY = "day"
INPUT_PREFIX, KEY_PREFIX = "input_", "key_"
UTC_MICROSECONDS = pl.Datetime("us", "UTC")
# The arm of answers that were logged and not sent: they have their request's id, as the answer that was sent has.
SHADOW = "shadow"
# `time` is when the answer was made; `prediction` a value, the positive class's probability, or the code of the most
# probable class; `unread_body` a request that could not be read as the version's inputs.
PREDICTION_COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(), "request_id": pl.String(), "row": pl.Int64(), "time": UTC_MICROSECONDS, DAY: pl.String(),
    "model_version": pl.String(), "arm": pl.String(), "targeting_key": pl.String(), "prediction": pl.Float64(),
    "probabilities": pl.List(pl.Float64()), "predicted_class": pl.String(), "unread_body": pl.String(),
}  # fmt: skip
# `time` is when the label arrived; a number or truth value is in `value`, a class's name in `text`.
LABEL_COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(), "time": UTC_MICROSECONDS, DAY: pl.String(), "value": pl.Float64(), "text": pl.String(),
}  # fmt: skip

Columns = dict[str, ColumnType]
Types = dict[str, pl.DataType]


def prediction_rows(
    payloads: Iterable[bytes],
    version_of: Callable[[str], LoggedVersion],
    key: Columns,
    known: Types,
) -> pl.DataFrame:
    """Return one row per prediction, sorted by id.

    Args:
        payloads: Records as `PredictionLog.record` wrote them.
        version_of: Gives what is needed to read a version's requests.
        key: The spec's key columns with their types.
        known: The columns that the table has, with their types; those that these rows add are put in.
    """
    gathered: dict[tuple[str, bool], _Gathered] = {}
    unread = _Gathered({}, {})
    for payload in payloads:
        line, _, body = payload.partition(b"\n")
        head = orjson.loads(line)
        version = version_of(head["version"])
        with_key = bool(key) and all(orjson.dumps(name) in body for name in key)
        place = (head["version"], with_key)
        if place not in gathered:
            gathered[place] = _Gathered(version.inputs, key if with_key else {})
        try:
            gathered[place].add(head, version, body)
        except RefusedError:
            # A key that is part of the rows only, or a word elsewhere in the body: read it without.
            plain = gathered.setdefault((head["version"], False), _Gathered(version.inputs, {}))
            _add_readable(plain, unread, head, version, body)
    frames = [rows.frame(known) for rows in (*gathered.values(), unread)]
    return pl.concat(frames, how="diagonal").sort("id")


def label_rows(payloads: Iterable[bytes]) -> pl.DataFrame:
    """Return one row per label, as `PredictionLog.record_labels` wrote them."""
    rows = []
    for payload in payloads:
        record = orjson.loads(payload)
        for text, label in record["labels"]:
            named = isinstance(label, str)
            rows.append(
                {
                    "id": whole_prediction_id(text),
                    "time": record["time"],
                    "value": None if named or label is None else float(label),
                    "text": label if named else None,
                }
            )
    frame = pl.DataFrame(
        rows, schema={name: kind for name, kind in LABEL_COLUMNS.items() if name != DAY}
    )
    return frame.with_columns(_day()).select(*LABEL_COLUMNS)


def settled_name(name: str, kind: ColumnType, known: Types) -> str:
    """Return the column that holds values of this declared type: its name, or one that carries the type as well."""
    wanted = POLARS_TYPES[kind]
    return name if known.setdefault(name, wanted) == wanted else f"{name}__{kind}"


class _Gathered:
    """Rows of requests that are read alike."""

    def __init__(self, inputs: Columns, key: Columns) -> None:
        kinds = {INPUT_PREFIX + name: kind for name, kind in inputs.items()}
        self._kinds = kinds | {KEY_PREFIX + name: kind for name, kind in key.items()}
        self._names = [*inputs, *key]
        self._columns = [InputColumn(name, kind, True) for name, kind in (inputs | key).items()]
        self._values: list[list[Any]] = [[] for _ in self._columns]
        self._known: dict[str, list[Any]] = {name: [] for name in PREDICTION_COLUMNS if name != DAY}

    def add(self, head: dict[str, Any], version: LoggedVersion, body: bytes) -> None:
        """Add one request's rows.

        Raises:
            RefusedError: when its body cannot be read; nothing was added.
        """
        given = parse_body(body, self._names, maxsize)
        if len(given[0]) != len(head["predictions"]):
            raise RefusedError(400, "the body has not one row per prediction")
        read = [column.read(values) for column, values in zip(self._columns, given, strict=True)]
        for values, more in zip(self._values, read, strict=True):
            values.extend(more)
        self.add_answers(head, version, None)

    def add_answers(self, head: dict[str, Any], version: LoggedVersion, unread: str | None) -> None:
        """Add what one request was answered."""
        predictions = head["predictions"]
        count = len(predictions)
        classes = version.task == "multiclass"
        best = [_best(each) for each in predictions] if classes else []
        names = (
            [None if code is None else version.classes[code] for code in best]
            if classes
            else [None] * count
        )
        known = {
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
        for name, values in known.items():
            self._known[name].extend(values)

    def frame(self, known: Types) -> pl.DataFrame:
        """Return all rows, their columns named so that they fit the table's."""
        answers = [
            pl.Series(name, values, PREDICTION_COLUMNS[name])
            for name, values in self._known.items()
        ]
        named = zip(self._kinds.items(), self._values, strict=True)
        inputs = [
            pl.Series(settled_name(n, kind, known), values, POLARS_TYPES[kind])
            for (n, kind), values in named
        ]
        return pl.DataFrame([*answers, *inputs]).with_columns(_day())


def _add_readable(
    plain: _Gathered, unread: _Gathered, head: dict[str, Any], version: LoggedVersion, body: bytes
) -> None:
    try:
        plain.add(head, version, body)
    except RefusedError:
        unread.add_answers(head, version, body.decode(errors="replace"))


def _best(probabilities: list[float | None]) -> int | None:
    numbers = [number for number in probabilities if number is not None]
    return probabilities.index(max(numbers)) if len(numbers) == len(probabilities) else None


def _day() -> pl.Expr:
    return pl.col("time").dt.strftime("%Y-%m-%d").alias(DAY)
