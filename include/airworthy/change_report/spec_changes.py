"""The changes of a model's folder: keys of the spec, gates and other files. Pure but for reading."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.read_yaml import UnreadableError, read_mapping

_JUDGES = (
    "evaluate",
    "validate",
    "train.holdout",
    "train.baseline",
    "train.min_rows",
    "start",
    "end",
)
_MAX_LINES = 200
_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class KeyChange:
    """A changed key of the spec, with both values as JSON; None: it is not set.

    `judges` says that the key decides how the model is judged.
    """

    key: str
    before: str | None
    after: str | None
    judges: bool


@dataclass(frozen=True)
class FileDiff:
    """The unified diff of a file; None: it is no text. `left_out` lines were cut off."""

    name: str
    diff: str | None
    left_out: int = 0


def key_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[KeyChange]:
    """Return the changed keys of a spec, in the order of keys.

    Items of lists are keys by their content, so that one more gate is one change.

    >>> [change] = key_changes({"train": {"rounds": 5}}, {"train": {"rounds": 9}})
    >>> change.key, change.before, change.after
    ('train.rounds', '5', '9')
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        KeyChange(_shown(key), old.get(key), new.get(key), _judges(key[0]))
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def spec_key_changes(before: Path, after: Path) -> list[KeyChange] | None:
    """Return the changed keys between the specs of two folders; None: one cannot be read."""
    try:
        return key_changes(read_mapping(before / SPEC_FILE), read_mapping(after / SPEC_FILE))
    except (UnreadableError, OSError):
        return None


def file_diffs(before: Path, after: Path) -> list[FileDiff]:
    """Return the diffs of the files that differ between two folders, by name.

    Args:
        before: The folder at the base. It may be missing.
        after: The folder now. It may be missing.
    """
    names = sorted({*_names(before), *_names(after)})
    contents = ((name, _content(before / name), _content(after / name)) for name in names)
    return [_diff(name, old, new) for name, old, new in contents if old != new]


def _leaves(value: Any, key: str = "") -> Iterator[tuple[tuple[str, str], str]]:
    """Yield key and item -> the value as JSON."""
    if isinstance(value, Mapping) and (value or not key):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for item in map(_json, value):
            yield (key, item), item
    else:
        yield (key, ""), _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _shown(key: tuple[str, str]) -> str:
    return f"{key[0]}[]" if key[1] else key[0]


def _judges(key: str) -> bool:
    return any(key == each or key.startswith(f"{each}.") for each in _JUDGES)


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix()


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _diff(name: str, before: bytes | None, after: bytes | None) -> FileDiff:
    try:
        old, new = (_lines(each) for each in (before, after))
    except ValueError:
        return FileDiff(name, None)
    lines = list(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm=""))
    return FileDiff(name, "\n".join(lines[:_MAX_LINES]), max(0, len(lines) - _MAX_LINES))


def _lines(content: bytes | None) -> list[str]:
    """Return a text's lines.

    Raises:
        ValueError: when it is no text, or too long to show.
    """
    if content is None:
        return []
    if len(content) > _MAX_BYTES or b"\0" in content:
        raise ValueError("no text to show")
    return content.decode("utf-8").splitlines()
