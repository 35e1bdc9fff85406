"""The files that runs left as evidence, held against the ledger.

A file counts only when it is what the ledger speaks of: the digest of a check is in the monitor's
decision, and a verdict has the values of its entry. Everything else is as if there were no file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from airworthy.environment import Environment
from airworthy.handover import PerformanceCheck, ShiftCheck, Verdict, run_folder
from airworthy.ledger import Entry
from airworthy.ledger.events import RetrainingDecision, VerdictReached
from airworthy.monitoring.judge_window import MAX_SHIFTS
from airworthy.object_store import open_store

ShiftSignal = Literal["skew", "drift"]
_PATHS = frozenset({"evidence", "report"})  # Not part of a check's digest.
_ADDED = frozenset({"evidently"})  # In the file, and not in the check.


@dataclass(frozen=True)
class RunEvidence:
    """The evidence of one model's runs.

    Attributes:
        roots: The addresses where it may be, the first one first.
    """

    roots: tuple[str, ...]

    def verdicts(self, entries: Sequence[Entry[VerdictReached]]) -> list[Verdict | None]:
        """Return the verdict behind each entry; None where there is no file, or another one.

        Raises:
            TransientError: when the store cannot be reached.
        """
        files = self._read([f"{run_folder(entry.run_id)}/verdict.json" for entry in entries])
        return [_verdict(entry, file) for entry, file in zip(entries, files, strict=True)]

    def performances(
        self, entries: Sequence[Entry[RetrainingDecision]]
    ) -> list[PerformanceCheck | None]:
        """Return the check of the champion's performance behind each decision, or None.

        Raises:
            TransientError: when the store cannot be reached.
        """
        files = self._read([f"{run_folder(entry.run_id)}/performance.json" for entry in entries])
        return [
            _check(PerformanceCheck, entry, "performance", file)
            for entry, file in zip(entries, files, strict=True)
        ]

    def shifts(
        self, entries: Sequence[Entry[RetrainingDecision]], signal: ShiftSignal
    ) -> list[ShiftCheck | None]:
        """Return the comparison of the inputs behind each decision, or None.

        Args:
            entries: The decisions.
            signal: The comparison.

        Raises:
            TransientError: when the store cannot be reached.
        """
        files = self._read([f"{run_folder(entry.run_id)}/{signal}.json" for entry in entries])
        return [
            _check(ShiftCheck, entry, signal, file)
            for entry, file in zip(entries, files, strict=True)
        ]

    def _read(self, paths: Sequence[str]) -> list[dict[str, Any] | None]:
        found: dict[str, dict[str, Any] | None] = dict.fromkeys(paths)
        for root in self.roots:
            missing = [path for path, file in found.items() if file is None]
            stored = open_store(root).read_all(missing) if missing else []
            for path, each in zip(missing, stored, strict=True):
                found[path] = None if each is None else _mapping(each.content)
        return [found[path] for path in paths]


def run_evidence(environment: Environment, model: str) -> RunEvidence:
    """Return the evidence of a model's runs. Versions before 0.3.0 kept it in the state folder."""
    beside = environment.beside_lake(model, "evidence")
    return RunEvidence((beside, str(environment.copies / model)))


def _mapping(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _verdict(entry: Entry[VerdictReached], file: dict[str, Any] | None) -> Verdict | None:
    if file is None:
        return None
    try:
        verdict = Verdict.model_validate(file, extra="ignore")
    except ValidationError:
        return None
    event = entry.event
    told = (event.outcome, event.reasons, event.champion, event.mlflow_run_id, event.dataset_digest)
    return verdict if told == _told(verdict) else None


def _told(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.outcome,
        verdict.reasons,
        verdict.champion_version,
        verdict.mlflow_run_id,
        verdict.dataset_digest,
    )


def _check(
    kind: type[Any], entry: Entry[RetrainingDecision], name: str, file: dict[str, Any] | None
) -> Any:
    """Return a check of the file, when its digest is the one of the decision."""
    if file is None:
        return None
    try:
        content = {key: value for key, value in file.items() if key not in _ADDED}
        if "shifts" in content:
            content["shifts"] = _largest(content["shifts"])
        digest = _digest(content)
        if digest != entry.event.decision.inputs.get(name):
            return None
        return kind.model_validate(content, extra="ignore")
    except (ValidationError, TypeError, KeyError, ZeroDivisionError):
        return None


def _largest(shifts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the shifts of the check: the file has all."""
    return sorted(shifts, key=lambda shift: -shift["effect"] / shift["threshold"])[:MAX_SHIFTS]


def _digest(content: dict[str, Any]) -> str:
    kept = {key: value for key, value in content.items() if key not in _PATHS}
    if isinstance(kept.get("label"), dict):
        kept["label"] = {key: value for key, value in kept["label"].items() if key not in _PATHS}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
