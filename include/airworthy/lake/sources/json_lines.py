"""Reads JSON lines: one object a line. Values become texts, as the cells of a CSV file are.

Types that are inferred could differ between files, and Polars would read a number that does not
fit as null. A number stays as it is written.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.sources.open_text import open_text

_BATCH = 50_000
_SHOWN = 200


class JsonLines(NamedTuple):
    """A file that was read.

    Attributes:
        rows: The rows as text.
        nested: Columns with lists or objects, with the first such line.
    """

    rows: pl.LazyFrame
    nested: dict[str, int]


def scan_json_lines(path: Path, scratch: Path) -> JsonLines:
    """Return a file's rows as text.

    Args:
        path: The file, plain or compressed.
        scratch: A folder for the rows as Parquet.

    Raises:
        TerminalError: when a line is no JSON object; it names the line.
    """
    target = scratch / f"{len(list(scratch.iterdir())):06}-json"
    target.mkdir()
    nested: dict[str, int] = {}
    batch: list[dict[str, str | None]] = []
    frames: list[pl.LazyFrame] = []
    with closing(open_text(path, "utf-8")) as stream:
        number = 0
        try:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    batch.append(_texts(_parse(line, number, path), number, nested))
                if len(batch) == _BATCH:
                    frames.append(_write(batch, target / f"{len(frames):06}.parquet"))
                    batch = []
        except UnicodeDecodeError as error:
            raise _no_object(path, number + 1, f"not UTF-8: {error.reason}") from error
    if batch or not frames:
        frames.append(_write(batch, target / f"{len(frames):06}.parquet"))
    return JsonLines(pl.concat(frames, how="diagonal"), nested)


def _write(batch: list[dict[str, str | None]], path: Path) -> pl.LazyFrame:
    names = list(dict.fromkeys(name for row in batch for name in row))
    pl.DataFrame(
        {name: pl.Series([row.get(name) for row in batch], dtype=pl.String) for name in names}
    ).write_parquet(path, compression="lz4")
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _parse(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(
            line, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_once
        )
    except ValueError as error:
        raise _no_object(path, number, f"{line[:_SHOWN].strip()} ({error})") from error
    except RecursionError as error:
        raise _no_object(path, number, "a value that is nested too deep") from error
    if not isinstance(value, dict):
        raise _no_object(path, number, line[:_SHOWN].strip())
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object.

    Raises:
        ValueError: when a name is in it twice.
    """
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name is there twice")
    return value


def _texts(row: dict[str, Any], number: int, nested: dict[str, int]) -> dict[str, str | None]:
    texts: dict[str, str | None] = {}
    for name, value in row.items():
        if isinstance(value, dict | list):
            nested.setdefault(name, number)
            texts[name] = json.dumps(value)
        else:
            texts[name] = str(value).lower() if isinstance(value, bool) else value
    return texts


def _no_object(path: Path, number: int, received: str) -> TerminalError:
    step = f"correct line {number}, or ingest.source.format"
    if number == 1 and received.startswith("["):
        step = f"write each object of the list on a line: jq -c '.[]' {path.name} > rows.jsonl"
    return TerminalError(
        f"{path.name}, line {number}: this is not a JSON object",
        received=received,
        allowed='one object a line in UTF-8, such as {"city": "rome", "minutes": 3.5}',
        next_step=step,
    )
