"""Sets one value in a ``model.yaml``. Every other byte stays as it is, comments included.

PyYAML's parser gives the position of the value, and only the text there is replaced. A round trip
through ruamel.yaml would change more: it joins lines, writes ``null`` as nothing, gives all lists
one indentation, and drops the byte order mark and Windows' line ends. Its ``.lc`` positions have no
end, and are those of the next key when a value is empty.
"""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from airworthy.errors import TerminalError
from airworthy.spec.loading import SpecError, load_spec
from airworthy.spec.model_spec import ModelSpec

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
    before, raw = load_spec(path), path.read_bytes()

    def check(new: Path) -> None:
        try:
            after = load_spec(new)
        except SpecError as error:
            reason = f"it would be broken: {error.faults[0]}"
            raise _cannot_set(path, part, key, value, reason) from None
        if _without(before, part, key) != _without(after, part, key):
            raise _cannot_set(path, part, key, value, "other keys would change with it")

    text = raw.decode("utf-8-sig")
    edited = _edit(text, part, key, value)
    if edited == text:
        return False
    has_byte_order_mark = raw.startswith(b"\xef\xbb\xbf")
    content = edited.encode("utf-8-sig" if has_byte_order_mark else "utf-8")
    try:
        _replace(path, content, check)
    except OSError as error:
        raise _cannot_set(path, part, key, value, f"{error.strerror}: {error.filename}") from error
    return True


def _replace(path: Path, content: bytes, check: Callable[[Path], None]) -> None:
    # The folder must have the model's name, and be on the same file system for an atomic move.
    with tempfile.TemporaryDirectory(dir=path.parent.parent) as scratch:
        new = Path(scratch) / path.absolute().parent.name / path.name
        new.parent.mkdir()
        new.write_bytes(content)
        new.chmod(stat.S_IMODE(path.stat().st_mode))
        check(new)
        new.replace(path)


def _without(spec: ModelSpec, part: str, key: str) -> dict[str, Any]:
    content = spec.model_dump(mode="json", by_alias=True)
    return {**content, part: {name: value for name, value in content[part].items() if name != key}}


def _cannot_set(path: Path, part: str, key: str, value: str, reason: str) -> TerminalError:
    return TerminalError(
        f"{part}.{key} cannot be set in {path}",
        received=reason,
        allowed="a file that can be written, with a mapping whose keys are its own",
        next_step=f"edit {path}: {part}: {{{key}: {value}}}",
    )


def _edit(text: str, part: str, key: str, value: str) -> str:
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    newline = "\r\n" if "\r\n" in text else "\n"
    part_key, part_node = _find_key(root, part)
    if part_node is None:
        end = "" if text.endswith("\n") else newline
        return f"{text}{end}{newline}{part}:{newline}{_INDENT}{key}: {value}{newline}"
    old_value = _find_key(part_node, key)[1]
    if old_value is not None:
        return text[: old_value.start_mark.index] + value + text[old_value.end_mark.index :]
    start = part_node.start_mark.index
    if part_node.flow_style:
        separator = ", " if part_node.value else ""
        return f"{text[: start + 1]}{key}: {value}{separator}{text[start + 1 :]}"
    # Insert directly below the part's key: a comment above the first key stays with that key.
    below = text.index("\n", part_key.end_mark.index) + 1
    indent = " " * part_node.start_mark.column
    return f"{text[:below]}{indent}{key}: {value}{newline}{text[below:]}"


def _find_key(mapping: Any, key: str) -> tuple[Any, Any]:
    """Return the nodes of a key and of its value; two Nones when the key is missing."""
    return next((pair for pair in mapping.value if pair[0].value == key), (None, None))
