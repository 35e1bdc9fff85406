"""The flag file as the server sees it: read when it changes; of what is broken in it, the last good flags hold."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from airworthy.errors import TerminalError
from airworthy.release.rollout_flags import (
    KILL_SWITCH,
    KINDS,
    Rollout,
    flag_key,
    read_flags,
    rollout_in,
)

_NEVER_READ = (-1, -1, -1)
_TRIALS = [EvaluationContext(str(number)) for number in range(100)]
EVALUATORS = "$evaluators"


@dataclass(frozen=True)
class Content:
    """What a flag file says: flags and rollouts by model.

    `problems` names what is wrong; for those models, or all, the flags are the last ones that were good.
    """

    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    evaluators: dict[str, Any] = field(default_factory=dict)
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class FlagFile:
    """A flagd file that is looked at again and again."""

    def __init__(self, path: Path) -> None:
        """Name the file; it need not be there."""
        self.path = path
        self._signature: tuple[int, int, int] | None = _NEVER_READ
        self._last = Content()

    def read_if_changed(self) -> Content | None:
        """Return what the file says, or None when it is as it was at the last call. It may block.

        No file is the same as no flags: all traffic is on the champions.
        """
        signature = self._look()
        if signature == self._signature:
            return None
        self._signature = signature
        self._last = self._read()
        return self._last

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> Content:
        try:
            document = read_flags(self.path)
        except TerminalError as error:
            return Content(
                self._last.flags, self._last.evaluators, self._last.rollouts, (error.problem,)
            )
        evaluators = document.get(EVALUATORS) or {}
        content = Content(evaluators=evaluators)
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
        return Content(content.flags, evaluators, content.rollouts, tuple(problems))

    def _check(self, model: str, flags: dict[str, Any], evaluators: dict[str, Any]) -> None:
        """Evaluate each flag for some keys: a variant that is misspelt shows only where the targeting leads to it.

        Raises:
            TerminalError: naming the flag that flagd cannot evaluate.
        """
        for key, flag in flags.items():
            core = FlagdCore()
            try:
                core.set_flags(json.dumps({"flags": {key: flag}, EVALUATORS: evaluators}))
                for trial in _TRIALS:
                    if key == flag_key(model, KILL_SWITCH):
                        core.resolve_boolean_value(key, False, trial)
                    else:
                        core.resolve_string_value(key, "", trial)
            except Exception as error:
                problem = f"{self.path}: {key}: {getattr(error, 'error_message', None) or error!r}"
                raise TerminalError(problem) from error


def _by_model(flags: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the flags of rollouts, grouped by model; whatever else is in the file is not ours."""
    found: dict[str, dict[str, Any]] = {}
    for key, flag in flags.items():
        model, _, kind = key.rpartition(".")
        if model and kind in KINDS:
            found.setdefault(model, {})[key] = flag
    return found
