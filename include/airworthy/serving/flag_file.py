"""Reads the flag file when it changes.

The last good flags stay in effect for a model with broken flags, and for all models when the whole
file is broken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from airworthy.errors import TerminalError
from airworthy.release.flagd_file import read_flags
from airworthy.release.rollout_flags import KILL_SWITCH, KINDS, Rollout, flag_key, rollout_in

_NEVER_READ = (-1, -1, -1)
_SAMPLE_CONTEXTS = [EvaluationContext(str(number)) for number in range(100)]
EVALUATORS = "$evaluators"


@dataclass(frozen=True)
class FlagContent:
    """Flags and rollouts by model.

    `problems` names the faults of the file. The models concerned have their last good flags.
    """

    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    evaluators: dict[str, Any] = field(default_factory=dict)
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class FlagFile:
    """A flagd file, polled for changes."""

    def __init__(self, path: Path) -> None:
        """Keep the path. The file may be missing."""
        self.path = path
        self._signature: tuple[int, int, int] | None = _NEVER_READ
        self._last = FlagContent()

    def read_if_changed(self) -> FlagContent | None:
        """Return the file's content, or None without a change since the last call. It may block.

        A missing file has no flags: all traffic goes to the champions.
        """
        signature = self._stat()
        if signature == self._signature:
            return None
        self._signature = signature
        self._last = self._read()
        return self._last

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _read(self) -> FlagContent:
        try:
            document = read_flags(self.path)
        except TerminalError as error:
            return FlagContent(
                self._last.flags, self._last.evaluators, self._last.rollouts, (error.problem,)
            )
        evaluators = document.get(EVALUATORS) or {}
        content = FlagContent(evaluators=evaluators)
        problems = []
        for model, flags in _by_model(document["flags"]).items():
            try:
                self._check(model, flags, evaluators)
                rollout = rollout_in(flags, model, self.path)
            except TerminalError as error:
                problems.append(error.problem)
                flags, rollout = self._last.flags.get(model, {}), self._last.rollouts.get(model)
            content.flags[model] = flags
            if rollout is not None:
                content.rollouts[model] = rollout
        return FlagContent(content.flags, evaluators, content.rollouts, tuple(problems))

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
                problem = f"{self.path}: {key}: {getattr(error, 'error_message', None) or error!r}"
                raise TerminalError(problem) from error


def _by_model(flags: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the flags of rollouts, grouped by model. Other flags in the file are ignored."""
    grouped: dict[str, dict[str, Any]] = {}
    for key, flag in flags.items():
        model, _, kind = key.rpartition(".")
        if model and kind in KINDS:
            grouped.setdefault(model, {})[key] = flag
    return grouped
