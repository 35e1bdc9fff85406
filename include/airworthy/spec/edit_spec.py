"""Sets values in a ``model.yaml``. Every other byte stays as it is, comments included.

PyYAML's parser gives the position of the value, and only the text there is replaced. A round trip
through ruamel.yaml would change more: it joins lines, writes ``null`` as nothing, gives all lists
one indentation, and drops the byte order mark and Windows' line ends. Its ``.lc`` positions have no
end, and are those of the next key when a value is empty.
"""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml

from airworthy.errors import TerminalError
from airworthy.spec.loading import SpecError, load_spec
from airworthy.spec.model_spec import ModelSpec

KeyPath = tuple[str, ...]
_INDENT = "  "


def set_in_part(path: Path, part: str, key: str, value: str) -> bool:
    """Set ``<part>.<key>`` in a spec file. The file is replaced atomically.

    Args:
        path: The ``model.yaml``; it must be valid.
        part: A key of the spec with a mapping as its value; it is added when it is missing.
        key: A key of that part.
        value: The text of a plain YAML scalar.

    Returns:
        True when the file changed.

    Raises:
        SpecError: when the file is not a valid spec.
        TerminalError: when the file would be invalid with this value, when the value cannot be set
            without changing more, or when the file cannot be written.
    """
    return bool(edit_spec(path, {(part, key): value}, write=True))


def edit_spec(path: Path, values: Mapping[KeyPath, str], *, write: bool) -> str:
    """Set values in a spec file, and return the unified diff; empty without a change.

    Args:
        path: The ``model.yaml``; it must be valid.
        values: Path of keys, at least two, such as ``("monitor", "retrain", "persist")`` -> the
            text of a plain YAML scalar. Missing mappings are added.
        write: Replace the file, atomically. Else the file stays, and all is checked nevertheless.

    Raises:
        SpecError: when the file is not a valid spec.
        TerminalError: when the file would be invalid with the values, when they cannot be set
            without changing more, or when the file cannot be written.
    """
    before, raw = load_spec(path), path.read_bytes()

    def check(new: Path) -> None:
        try:
            after = load_spec(new)
        except SpecError as error:
            reason = f"it would be broken: {error.faults[0]}"
            raise _cannot_set(path, values, reason) from None
        if _without(before, values) != _without(after, values):
            raise _cannot_set(path, values, "other keys would change with it")

    text = raw.decode("utf-8-sig")
    edited = text
    for keys, value in values.items():
        try:
            edited = _edit(edited, keys, value)
        except (AttributeError, TypeError, ValueError) as error:
            raise _cannot_set(path, values, f"{'.'.join(keys)} is in no mapping") from error
    if edited == text:
        return ""
    has_byte_order_mark = raw.startswith(b"\xef\xbb\xbf")
    content = edited.encode("utf-8-sig" if has_byte_order_mark else "utf-8")
    try:
        _replace(path, content, check, write=write)
    except OSError as error:
        raise _cannot_set(path, values, f"{error.strerror}: {error.filename}") from error
    return _diff(path, text, edited)


def _diff(path: Path, text: str, edited: str) -> str:
    lines = unified_diff(
        text.splitlines(), edited.splitlines(), f"a/{path.name}", f"b/{path.name}", lineterm=""
    )
    return "\n".join(lines)


def _replace(path: Path, content: bytes, check: Callable[[Path], None], *, write: bool) -> None:
    # The folder must have the model's name, and be on the same file system for an atomic move.
    with tempfile.TemporaryDirectory(dir=path.parent.parent) as scratch:
        new = Path(scratch) / path.absolute().parent.name / path.name
        new.parent.mkdir()
        new.write_bytes(content)
        new.chmod(stat.S_IMODE(path.stat().st_mode))
        check(new)
        if write:
            new.replace(path)


def _without(spec: ModelSpec, paths: Iterable[KeyPath]) -> dict[str, Any]:
    content = spec.model_dump(mode="json", by_alias=True)
    for *parents, key in paths:
        part = content
        for parent in parents:
            part = part[parent]
        part.pop(key, None)
    return content


def _cannot_set(path: Path, values: Mapping[KeyPath, str], reason: str) -> TerminalError:
    keys = " and ".join(".".join(keys) for keys in values)
    edits = ", ".join(_nested(keys, value) for keys, value in values.items())
    return TerminalError(
        f"{keys} cannot be set in {path}",
        received=reason,
        allowed="a file that can be written, with a mapping whose keys are its own",
        next_step=f"edit {path}: {edits}",
    )


def _nested(keys: Sequence[str], value: str) -> str:
    """Return a flow mapping.

    >>> _nested(("a", "b", "c"), "1")
    'a: {b: {c: 1}}'
    """
    first, *rest = keys
    return f"{first}: {{{_nested(rest, value)}}}" if rest else f"{first}: {value}"


def _edit(text: str, keys: KeyPath, value: str) -> str:
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    newline = "\r\n" if "\r\n" in text else "\n"
    part_key, part_node = _find_key(root, keys[0])
    if part_node is None:
        end = "" if text.endswith("\n") else newline
        inner = _nested(keys[1:], value)
        return f"{text}{end}{newline}{keys[0]}:{newline}{_INDENT}{inner}{newline}"
    for depth, key in enumerate(keys[1:], 1):
        key_node, node = _find_key(part_node, key)
        if node is None:
            return _insert(text, (part_key, part_node), _nested(keys[depth:], value))
        part_key, part_node = key_node, node
    return text[: part_node.start_mark.index] + value + text[part_node.end_mark.index :]


def _insert(text: str, part: tuple[Any, Any], line: str) -> str:
    """Insert ``key: value`` as the first of a mapping."""
    part_key, part_node = part
    newline = "\r\n" if "\r\n" in text else "\n"
    start = part_node.start_mark.index
    if part_node.flow_style:
        separator = ", " if part_node.value else ""
        return f"{text[: start + 1]}{line}{separator}{text[start + 1 :]}"
    # Insert directly below the part's key: a comment above the first key stays with that key.
    below = text.index("\n", part_key.end_mark.index) + 1
    indent = " " * part_node.start_mark.column
    return f"{text[:below]}{indent}{line}{newline}{text[below:]}"


def _find_key(mapping: Any, key: str) -> tuple[Any, Any]:
    """Return the nodes of a key and of its value; two Nones when the key is missing."""
    return next((pair for pair in mapping.value if pair[0].value == key), (None, None))
