"""MLflow's scoring protocol: parses a JSON body in one of its four forms into columns of inputs.

``{"dataframe_split": {"columns": [...], "data": [[...], ...]}}``
``{"dataframe_records": [{...}, ...]}``
``{"inputs": {column: [...]}}`` or ``{"inputs": [{...}, ...]}``
``{"instances": [{...}, ...]}`` or ``{"instances": {column: [...]}}``

Unknown columns are ignored, as in MLflow. A missing input is refused, never filled in, unless no
feature needs it. NaN, as MLflow's client writes it, is null. Infinity is no value of any column.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Any

import orjson

from airworthy.protocol.refusals import RefusedError, short_repr
from airworthy.protocol.unique_keys import check_unique_keys, parsed_keys

FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")
_ONE_OF = "exactly one of " + ", ".join(FORMS)
# Words outside of texts. An open text ends with the body.
_WORDS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|-?Infinity|NaN', re.DOTALL)
_COLUMNS_OR_ROWS = "{column: [value, ...], ...} or [{column: value, ...}, ...]"


def parse_body(
    body: bytes,
    names: list[str],
    max_rows: int,
    *,
    exact: bool = True,
    optional: Collection[str] = (),
) -> list[list[Any]]:
    """Return one list of values per name, all of the same length.

    >>> parse_body(b'{"inputs": {"hour": [8, 9], "extra": [0, 0]}}', ["hour"], 10)
    [[8, 9]]

    Args:
        body: The request's body, JSON.
        names: The names of the inputs, in the order of the result.
        max_rows: The largest number of rows. The smallest is 1.
        exact: Whether to refuse a key that is twice in one object, and `params` that are empty but
            no object. Bodies logged by earlier versions may have them.
        optional: Names that may be missing; their values are then None.

    Raises:
        RefusedError: 400 for a malformed body, naming the fault; 413 for too many rows.
    """
    form, content = _form_and_content(body, exact)
    if form == "dataframe_split":
        return _from_split(content, names, max_rows, optional)
    if form == "dataframe_records" or isinstance(content, list):
        return _from_records(content, names, form, max_rows, optional)
    return _from_columns(content, names, form, max_rows, optional)


def _form_and_content(body: bytes, exact: bool) -> tuple[str, Any]:
    try:
        body, request = _load(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(
            400, f"the body is not valid JSON: {error}", allowed=f"a JSON object with {_ONE_OF}"
        ) from None
    if type(request) is not dict:
        raise _malformed("the body", short_repr(request), f"a JSON object with {_ONE_OF}")
    if exact:
        check_unique_keys(body, parsed_keys(request))
    # MLflow's clients may add `params`. These models take none, so only empty ones are ignored.
    keys = [key for key in request if key != "params" or not _is_empty(request[key], exact)]
    if len(keys) != 1 or keys[0] not in FORMS:
        raise _malformed(
            "the body", f"keys {', '.join(map(short_repr, keys)) or 'none'}"[:300], _ONE_OF
        )
    return keys[0], request[keys[0]]


def _load(body: bytes) -> tuple[bytes, Any]:
    """Return a body and its JSON value, with null for NaN."""
    try:
        return body, orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"NaN" not in body and b"Infinity" not in body:
            raise
    body = _WORDS.sub(_plain_word, body)
    return body, orjson.loads(body)


def _plain_word(match: re.Match[bytes]) -> bytes:
    if match[0].startswith(b'"'):
        return match[0]
    # An object is no value of any column, so that the refusal names column and row.
    return b"null" if match[0] == b"NaN" else b'{"%s":"not a finite number"}' % match[0]


def _is_empty(parameters: Any, exact: bool) -> bool:
    return parameters in (None, {}) if exact else not parameters


def _from_split(
    content: Any, names: list[str], max_rows: int, optional: Collection[str]
) -> list[list[Any]]:
    if (
        type(content) is not dict
        or type(content.get("columns")) is not list
        or type(content.get("data")) is not list
    ):
        raise _malformed(
            "dataframe_split",
            short_repr(content),
            '{"columns": [name, ...], "data": [[value, ...], ...]}',
        )
    columns, rows = content["columns"], content["data"]
    _check_count(len(rows), "dataframe_split", max_rows)
    for row, values in enumerate(rows):
        if type(values) is not list or len(values) != len(columns):
            received = f"{len(values)} values" if type(values) is list else short_repr(values)
            raise _malformed(
                "dataframe_split.data", received, f"a list of {len(columns)} values", row
            )
    return [
        [None] * len(rows) if index is None else [values[index] for values in rows]
        for index in _column_indexes(columns, names, optional)
    ]


def _column_indexes(
    columns: list[Any], names: list[str], optional: Collection[str]
) -> list[int | None]:
    indexes: list[int | None] = []
    for name in names:
        if name in optional and name not in columns:
            indexes.append(None)
            continue
        if columns.count(name) != 1:
            if name in columns:
                raise _malformed(
                    "dataframe_split.columns",
                    f"{name!r} {columns.count(name)} times",
                    "each column once",
                )
            raise _missing(name, columns)
        indexes.append(columns.index(name))
    return indexes


def _from_records(
    content: Any, names: list[str], form: str, max_rows: int, optional: Collection[str]
) -> list[list[Any]]:
    if type(content) is not list:
        raise _malformed(form, short_repr(content), "[{column: value, ...}, ...]")
    _check_count(len(content), form, max_rows)
    try:
        return [
            [record.get(name) for record in content]
            if name in optional
            else [record[name] for record in content]
            for name in names
        ]
    except (KeyError, TypeError, IndexError, AttributeError):
        needed = [name for name in names if name not in optional]
        raise _bad_record(content, needed, form) from None


def _bad_record(records: list[Any], names: list[str], form: str) -> RefusedError:
    """Return the refusal of the first wrong record."""
    allowed = "[{column: value, ...}, ...]"
    for row, record in enumerate(records):
        if type(record) is not dict:
            return _malformed(form, short_repr(record), allowed, row)
        for name in names:
            if name not in record:
                return _missing(name, record, row)
    return _malformed(form, short_repr(records), allowed)


def _from_columns(
    content: Any, names: list[str], form: str, max_rows: int, optional: Collection[str]
) -> list[list[Any]]:
    if type(content) is not dict:
        raise _malformed(form, short_repr(content), _COLUMNS_OR_ROWS)
    columns: list[list[Any] | None] = []
    for name in names:
        if name not in content:
            if name in optional:
                columns.append(None)
                continue
            raise _missing(name, content)
        if type(content[name]) is not list:
            raise _malformed(
                f"{form}.{name}", short_repr(content[name]), "a list of values, one per row"
            )
        columns.append(content[name])
    lengths = {name: len(values) for name, values in content.items() if type(values) is list}
    if len(set(lengths.values())) > 1:
        received = ", ".join(f"{short_repr(name)}: {length}" for name, length in lengths.items())
        raise _malformed(
            form, f"columns of different lengths ({received[:200]})", "columns of one length"
        )
    rows = next(iter(lengths.values()), 0)
    _check_count(rows, form, max_rows)
    return [[None] * rows if column is None else column for column in columns]


def _check_count(rows: int, form: str, max_rows: int) -> None:
    if rows == 0:
        raise _malformed(form, "no rows", f"1 to {max_rows} rows")
    if rows > max_rows:
        problem = f"{form}: received {rows} rows, allowed: 1 to {max_rows} rows"
        raise RefusedError(
            413,
            problem,
            field=form,
            received=f"{rows} rows",
            allowed=f"1 to {max_rows} rows",
            next_step="send the rows in several requests",
        )


def _missing(name: str, columns: Iterable[Any], row: int | None = None) -> RefusedError:
    received = [column for column in columns if isinstance(column, str)]
    guess = difflib.get_close_matches(name, received[:200], n=1)
    where = "" if row is None else f" (row {row})"
    hint = f"; did you mean {name!r} by {guess[0]!r}?" if guess else ""
    return RefusedError(
        400,
        f"{name}: this column is missing{where}{hint}",
        field=name,
        row=row,
        received=f"columns {', '.join(received)}"[:300],
        allowed="every input of the model; null where a value is unknown",
    )


def _malformed(field: str, received: str, allowed: str, row: int | None = None) -> RefusedError:
    where = "" if row is None else f" (row {row})"
    problem = f"{field}: received {received}{where}, allowed: {allowed}"
    return RefusedError(400, problem, field=field, row=row, received=received, allowed=allowed)
