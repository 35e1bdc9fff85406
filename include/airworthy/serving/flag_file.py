"""Reads the flag file when it changes: a file on a disk, or an object in an object store.

The last good flags stay in effect for a model with broken flags, and for all models when the whole
file is broken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from airworthy.errors import TerminalError
from airworthy.object_store import local_folder, open_store
from airworthy.release.flagd_file import parse_flags
from airworthy.release.rollout_flags import KILL_SWITCH, KINDS, flag_key, rollout_in

_SAMPLE_CONTEXTS = [EvaluationContext(str(number)) for number in range(100)]
EVALUATORS = "$evaluators"


@dataclass(frozen=True)
class FlagContent:
    """Flags by model.

    `problems` names the faults of the file. The models concerned have their last good flags.
    """

    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    evaluators: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class _Source(Protocol):
    def read_if_changed(self) -> tuple[bool, bytes | None]:
        """Return whether the file changed since the last call, and its content (None: no file)."""
        ...


class _LocalFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature: tuple[int, int, int] | str | None = "never read"

    def read_if_changed(self) -> tuple[bool, bytes | None]:
        signature = self._stat()
        if signature == self._signature:
            return False, None
        self._signature = signature
        return True, None if signature is None else self._path.read_bytes()

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size


class _StoredFile:
    def __init__(self, address: str) -> None:
        folder, _, self._name = address.rpartition("/")
        self._store = open_store(folder)
        self._etag: str | None = "never read"

    def read_if_changed(self) -> tuple[bool, bytes | None]:
        stored = self._store.read(self._name)
        etag = None if stored is None else stored.etag
        if etag == self._etag:
            return False, None
        self._etag = etag
        return True, None if stored is None else stored.content


class FlagFile:
    """A flagd file, polled for changes."""

    def __init__(self, address: str) -> None:
        """Keep the address. The file may be missing."""
        self.address = address
        folder = local_folder(address)
        self.is_local = folder is not None
        self._source: _Source = _StoredFile(address) if folder is None else _LocalFile(folder)
        self._last = FlagContent()

    def read_if_changed(self) -> FlagContent | None:
        """Return the file's content, or None without a change since the last call. It may block.

        A missing file has no flags: the ledger's steps hold.

        Raises:
            AirworthyError: when the object store cannot be reached, or refuses.
        """
        try:
            is_changed, content = self._source.read_if_changed()
        except OSError as error:
            self._last = self._broken(f"{self.address} cannot be read: {error}")
            return self._last
        if not is_changed:
            return None
        self._last = FlagContent() if content is None else self._parsed(content)
        return self._last

    def _broken(self, problem: str) -> FlagContent:
        return FlagContent(self._last.flags, self._last.evaluators, (problem,))

    def _parsed(self, text: bytes) -> FlagContent:
        try:
            document = parse_flags(text, self.address)
        except TerminalError as error:
            return self._broken(error.problem)
        evaluators = document.get(EVALUATORS) or {}
        flags_by_model = {}
        problems = []
        for model, flags in _by_model(document["flags"]).items():
            try:
                self._check(model, flags, evaluators)
                rollout_in(flags, model, self.address)
            except TerminalError as error:
                problems.append(error.problem)
                flags = self._last.flags.get(model, {})
            flags_by_model[model] = flags
        return FlagContent(flags_by_model, evaluators, tuple(problems))

    def _check(self, model: str, flags: dict[str, Any], evaluators: dict[str, Any]) -> None:
        """Evaluate each flag for some keys.

        A misspelt variant shows only for a key with that variant.

        Args:
            model: The model's name.
            flags: The model's flags by key.
            evaluators: The file's shared evaluators.

        Raises:
            TerminalError: when flagd cannot evaluate a flag. It names the flag.
        """
        for key, flag in flags.items():
            core = FlagdCore()
            try:
                core.set_flags(json.dumps({"flags": {key: flag}, EVALUATORS: evaluators}))
                for context in _SAMPLE_CONTEXTS:
                    if key == flag_key(model, KILL_SWITCH):
                        core.resolve_boolean_value(key, False, context)
                    else:
                        core.resolve_string_value(key, "", context)
            except Exception as error:
                reason = getattr(error, "error_message", None) or repr(error)
                raise TerminalError(f"{self.address}: {key}: {reason}") from error


def _by_model(flags: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the flags of rollouts, grouped by model. Other flags in the file are ignored."""
    grouped: dict[str, dict[str, Any]] = {}
    for key, flag in flags.items():
        model, _, kind = key.rpartition(".")
        if model and kind in KINDS:
            grouped.setdefault(model, {})[key] = flag
    return grouped
