"""Reads an environment's file: finds it, parses it, and fills in its variables."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from airworthy.errors import TerminalError
from airworthy.stage_input import unpack

LOCAL = Path(__file__).with_name("local.yaml")
"""The environment ``local`` of the package."""

CONTENT = "AIRWORTHY_ENV_CONTENT"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class UnsetVariableError(TerminalError):
    """A variable that the environment's file names is not set."""

    consequence = ""


@lru_cache(maxsize=8)
def read_file(path: Path, _modified_ns: int) -> dict[str, Any]:
    """Return the file's content; the time of its last change is a part of the cache's key."""
    return _parse(path.read_bytes(), path)


def _parse(text: bytes, path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text.decode())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise TerminalError(f"{path} is not YAML: {problem}", next_step=f"edit {path}") from None
    return content if isinstance(content, dict) else {}


def file_content(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Return the path of an environment's file, and a copy of its content.

    Args:
        folder: The folder of the files.
        name: The environment.

    Raises:
        TerminalError: when the file is missing or invalid, or the packed text is none.
    """
    packed = os.environ.get(CONTENT)
    if not packed:
        path = file_of(folder, name)
        return path, dict(read_file(path, path.stat().st_mtime_ns))
    path = folder / f"{name}.yaml"
    try:
        return path, _parse(unpack(packed).encode(), path)
    except ValueError as error:
        raise TerminalError(
            f"{CONTENT} is no packed file: {error}", next_step=f"unset {CONTENT}"
        ) from None


def file_of(folder: Path, name: str) -> Path:
    """Return the path of an environment's file.

    Args:
        folder: The folder of the files; without it there is the package's `LOCAL` alone.
        name: The environment.

    Raises:
        TerminalError: when there is no such environment.
    """
    path = folder / f"{name}.yaml"
    if path.is_file():
        return path
    if name == LOCAL.stem and not folder.is_dir():
        return LOCAL
    names = sorted(file.stem for file in folder.glob("*.yaml")) if folder.is_dir() else [LOCAL.stem]
    raise TerminalError(
        "there is no such environment",
        received=f"AIRWORTHY_ENV={name}",
        allowed=", ".join(names),
        next_step=f"create {path}",
    )


def variables_of(values: Any) -> tuple[str, ...]:
    """Return the names of the variables in a file's values, sorted."""
    return tuple(sorted(set(_VARIABLE.findall(str(values)))))


def resolve(value: Any, state: Path, path: Path, key: str) -> Any:
    """Replace ``{state}`` and ``${NAME}`` in all texts of a value.

    Args:
        value: A file's value.
        state: The state folder.
        path: The file, for messages.
        key: The value's key, for messages.

    Raises:
        TerminalError: when a variable named in the file is not set.
    """
    if isinstance(value, dict):
        return {name: resolve(inner, state, path, f"{key}.{name}") for name, inner in value.items()}
    if isinstance(value, list):
        return [resolve(inner, state, path, key) for inner in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if not os.environ.get(match[1]):
            raise UnsetVariableError(
                f"{path}: {key}: the environment variable {match[1]} is not set",
                received=value,
                allowed=f"{match[1]} with a value",
                next_step=f"export {match[1]}=..., or edit {path}",
            )
        return os.environ[match[1]]

    return _VARIABLE.sub(variable, value.replace("{state}", str(state)))
