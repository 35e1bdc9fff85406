"""Content digests: SHA-256 over every row, column name and type, independent of the memory layout.

Equal content has equal digests; chunks and the bytes under nulls do not matter. Any change of a
cell, type, column name, row order or null changes the digest. NaN is one value, and so is zero
(``-0.0 == 0.0``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from hashlib import _Hash


def frame_digest(frame: pl.DataFrame) -> str:
    """Return the digest of a frame's content.

    >>> frame_digest(pl.DataFrame({"x": [0.0]})) == frame_digest(pl.DataFrame({"x": [-0.0]}))
    True

    Raises:
        TerminalError: when a column is of lists, structs, decimals or objects: these types have no
            canonical form here.
    """
    digest = hashlib.sha256()
    _text(digest, f"airworthy-frame-1 rows={frame.height} columns={frame.width}")
    for column in frame.iter_columns():
        _text(digest, f"{column.name}\x00{type_name(column.dtype)}")
        _nulls(digest, column)
        _values(digest, column)
    return digest.hexdigest()


def dataset_digest(partitions: Mapping[str, str], schema: Mapping[str, pl.DataType]) -> str:
    """Return the digest of a dataset version.

    Args:
        partitions: Partition (``2026-01-31``) -> its content digest.
        schema: Column name -> type, in order.
    """
    digest = hashlib.sha256()
    for name, kind in schema.items():
        _text(digest, f"{name}\x00{type_name(kind)}")
    for partition, content in sorted(partitions.items()):
        _text(digest, f"{partition}\x00{content}")
    return digest.hexdigest()


def type_name(kind: pl.DataType) -> str:
    """Return a type's name; for the types of a spec, it is stable between releases of Polars.

    >>> type_name(pl.Datetime("us", "UTC"))
    'Datetime[us,UTC]'
    """
    if isinstance(kind, pl.Datetime):
        return f"Datetime[{kind.time_unit},{kind.time_zone or ''}]"
    return str(kind)


def _text(digest: _Hash, text: str) -> None:
    """Add a text after its length: different sequences of texts give different bytes."""
    encoded = text.encode()
    digest.update(len(encoded).to_bytes(8, "little"))
    digest.update(encoded)


def _nulls(digest: _Hash, column: pl.Series) -> None:
    digest.update(column.null_count().to_bytes(8, "little"))
    if column.null_count():
        digest.update(np.packbits(column.is_null().to_numpy()).data)


def _values(digest: _Hash, column: pl.Series) -> None:
    kind = column.dtype
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        texts = column.cast(pl.String)
        lengths = texts.str.len_bytes().fill_null(0).cast(pl.UInt64).to_numpy()
        digest.update(np.ascontiguousarray(lengths, dtype="<u8").data)
        digest.update((texts.str.join("", ignore_nulls=True).item() or "").encode())
    elif kind.is_float():
        digest.update(_canonical_floats(column).data)
    elif kind == pl.Boolean:
        digest.update(np.packbits(column.fill_null(value=False).to_numpy()).data)
    elif kind.is_integer() or kind.is_temporal():
        whole = column.to_physical().fill_null(0).to_numpy()
        digest.update(np.ascontiguousarray(whole, dtype=whole.dtype.newbyteorder("<")).data)
    elif kind != pl.Null:
        raise TerminalError(
            f"column {column.name!r} has a type that no content digest is defined for",
            received=kind,
            allowed="numbers, booleans, text, dates and times",
            next_step="declare or cast the column",
        )


def _canonical_floats(column: pl.Series) -> np.ndarray[Any, np.dtype[Any]]:
    values = column.fill_null(0.0).to_numpy()
    # -0.0 + 0.0 is 0.0. The sum is a copy, so it may be changed.
    canonical = values + values.dtype.type(0.0)
    canonical[np.isnan(canonical)] = np.nan
    return np.ascontiguousarray(canonical, dtype=canonical.dtype.newbyteorder("<"))
