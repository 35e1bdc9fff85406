"""Setting one value in a ``model.yaml``: every other byte, and so every comment, stays as it is.

PyYAML's parser gives the position of the value, and only the text there is replaced. A round trip through ruamel.yaml
would change more: it joins lines, writes ``null`` as nothing, gives all lists one indentation, and drops the byte order
mark and Windows' line ends. Its ``.lc`` positions have no end, and are those of the next key where a value is empty.
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
    """Set ``<part>.<key>`` in a spec's file, in one step: another process sees the old file or the new one.

    Args:
        path: The ``model.yaml``; it must be whole.
        part: One of the spec's keys whose value is a mapping; it is made when it is missing.
        key: A key of that part.
        value: A plain YAML scalar, as it is to be written.

    Returns:
        Whether the file changed.

    Raises:
        SpecError: when the file is no spec.
        TerminalError: when it would be none with this value, is written in a way in which the value cannot be set
            without changing more, or cannot be written.
    """
    before, raw = load_spec(path), path.read_bytes()

    def check(new: Path) -> None:
        try:
            after = load_spec(new)
        except SpecError as error:
            raise _by_hand(
                path, part, key, value, f"it would be broken: {error.faults[0]}"
            ) from None
        if _without(before, part, key) != _without(after, part, key):
            raise _by_hand(path, part, key, value, "other keys would change with it")

    text = raw.decode("utf-8-sig")
    edited = _edited(text, part, key, value)
    if edited == text:
        return False
    marked = raw.startswith(b"\xef\xbb\xbf")
    content = edited.encode("utf-8-sig" if marked else "utf-8")
    try:
        _replace(path, content, check)
    except OSError as error:
        raise _by_hand(path, part, key, value, f"{error.strerror}: {error.filename}") from error
    return True


def _replace(path: Path, content: bytes, check: Callable[[Path], None]) -> None:
    # In a folder of the model's name, as the spec asks for; on the same file system, so that it can be moved.
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


def _by_hand(path: Path, part: str, key: str, value: str, why: str) -> TerminalError:
    return TerminalError(
        f"{part}.{key} cannot be set in {path}",
        received=why,
        allowed="a file that can be written, with a mapping whose keys are its own",
        next_step=f"edit {path}: {part}: {{{key}: {value}}}",
    )


def _edited(text: str, part: str, key: str, value: str) -> str:
    top: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    newline = "\r\n" if "\r\n" in text else "\n"
    name, found = _entry(top, part)
    if found is None:
        end = "" if text.endswith("\n") else newline
        return f"{text}{end}{newline}{part}:{newline}{_INDENT}{key}: {value}{newline}"
    known = _entry(found, key)[1]
    if known is not None:
        return text[: known.start_mark.index] + value + text[known.end_mark.index :]
    start = found.start_mark.index
    if found.flow_style:
        more = ", " if found.value else ""
        return f"{text[: start + 1]}{key}: {value}{more}{text[start + 1 :]}"
    # The line after the part's own: a comment above the first key stays with that key.
    below = text.index("\n", name.end_mark.index) + 1
    return f"{text[:below]}{' ' * found.start_mark.column}{key}: {value}{newline}{text[below:]}"


def _entry(mapping: Any, key: str) -> tuple[Any, Any]:
    return next(((name, value) for name, value in mapping.value if name.value == key), (None, None))
