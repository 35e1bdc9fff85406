"""Finished summaries and histories, kept on this machine.

``<state>/cache/model_status/<environment>/<model>.<what>`` has one value with the key that it was
made for. The key names everything that the value depends on. A file is written whole, by a rename.
One that is damaged, or made for another key, is as if it were not there, and is replaced.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from airworthy.environment import Environment
from airworthy.handover import run_folder

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class _Kept:
    """The content of a file: its key, the ledger's position in it, and the value as JSON."""

    key: str
    position: str
    body: bytes


class KeptValues(Generic[_Value]):
    """Values of one kind, one for each model."""

    def __init__(self, environment: Environment, what: str, kind: type[_Value]) -> None:
        """Keep values of a class.

        Args:
            environment: Gives the state folder.
            what: The values' name, the ending of the files.
            kind: The class: a dataclass of plain values.
        """
        name = run_folder(environment.name)
        self._folder = environment.state / "cache" / "model_status" / name
        self._what = what
        self._kind = kind

    def position(self, model: str) -> str | None:
        """Return the ledger's position behind the kept value; None: there is none."""
        kept = self._read(model)
        return None if kept is None else kept.position

    def get(self, model: str, key: str, position: str, make: Callable[[], _Value]) -> _Value:
        """Return the value that is kept for a key, else make it and keep it.

        Args:
            model: The model.
            key: Everything that the value depends on, but the ledger's position.
            position: The ledger's position.
            make: Makes the value. What it raises is raised, and nothing is kept.
        """
        whole_key = hashlib.sha256(f"{key} {position}".encode()).hexdigest()
        kept = self._read(model)
        if kept is not None and kept.key == whole_key:
            try:
                return self._adapter.validate_json(kept.body)
            except ValidationError:
                pass
        value = make()
        self._write(model, _Kept(whole_key, position, self._adapter.dump_json(value)))
        return value

    @cached_property
    def _adapter(self) -> TypeAdapter[_Value]:
        return TypeAdapter(self._kind)

    def _path(self, model: str) -> Path:
        return self._folder / f"{run_folder(model)}.{self._what}"

    def _read(self, model: str) -> _Kept | None:
        try:
            content = self._path(model).read_bytes()
        except OSError:
            return None
        head, _, rest = content.partition(b"\n")
        if hashlib.sha256(rest).hexdigest().encode() != head:
            return None
        key, position, body = rest.split(b"\n", 2)
        return _Kept(key.decode(), position.decode(), body)

    def _write(self, model: str, kept: _Kept) -> None:
        """Keep a value. A folder that cannot be written to costs time only."""
        rest = b"\n".join([kept.key.encode(), kept.position.encode(), kept.body])
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=self._folder, prefix=".")
        except OSError:
            return
        try:
            with os.fdopen(number, "wb") as file:
                file.write(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
            Path(name).replace(self._path(model))
        except OSError:
            Path(name).unlink(missing_ok=True)
