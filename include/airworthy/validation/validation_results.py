"""Results of partitions, remembered by content: a partition that was validated once is not validated again.

A result's key is the partition's digest and the suite's digest, so a restated partition or a changed expectation is
validated anew and everything else is read back.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airworthy.handover import CheckResult
from airworthy.spec.model_spec import Expectation

_NAMED = {"column", "column_A", "column_list", "column_set"}


def suite_digest(expectations: list[Expectation]) -> str:
    """Return the SHA-256 of a suite's expectations, in order."""
    text = json.dumps([each.model_dump(mode="json") for each in expectations], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Remembered:
    """A folder of results, one JSON file each."""

    def __init__(self, folder: Path, suite: str) -> None:
        """Keep the folder, which is made, and the suite's digest."""
        self._folder = folder
        self._suite = suite
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, day: str, digest: str, ending: str = "json") -> Path:
        """Return where a partition's result (or, with another ending, its page) is."""
        return self._folder / f"{day}-{digest[:16]}-{self._suite[:16]}.{ending}"

    def get(self, day: str, digest: str) -> dict[str, Any] | None:
        """Return the remembered result, or None."""
        try:
            return dict(json.loads(self.path(day, digest).read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def put(self, day: str, digest: str, result: dict[str, Any]) -> None:
        """Remember a result; the file appears whole or not at all."""
        target = self.path(day, digest)
        partial = target.with_suffix(f".{os.getpid()}.part")
        partial.write_text(json.dumps(result), encoding="utf-8")
        partial.replace(target)


def summarise(
    expectations: list[Expectation], results: Iterable[tuple[str, dict[str, Any]]]
) -> list[CheckResult]:
    """Return one check per expectation over all partitions: (day, Great Expectations' result as JSON) pairs."""
    failed: list[list[str]] = [[] for _ in expectations]
    observed = [""] * len(expectations)
    for day, result in results:
        for single in result["results"]:
            if not single["success"]:
                number = single["expectation_config"]["meta"]["number"]
                failed[number].append(day)
                observed[number] = _observed(single)
    return [
        CheckResult(
            check=each.type,
            column=_column(each),
            severity=each.severity,
            success=not days,
            failed_partitions=days,
            observed=seen,
        )
        for each, days, seen in zip(expectations, failed, observed, strict=True)
    ]


def _column(expectation: Expectation) -> str | None:
    named = [str(value) for key, value in expectation.arguments.items() if key in _NAMED]
    return ", ".join(named) or None


def _observed(single: dict[str, Any]) -> str:
    """Say in a few words what one failed expectation saw."""
    message = _exception(single.get("exception_info") or {})
    result = single.get("result") or {}
    if message:
        return message.splitlines()[0][:200]
    if "unexpected_percent" in result and result["unexpected_percent"] is not None:
        examples = ", ".join(str(value) for value in result.get("partial_unexpected_list", [])[:5])
        return f"{result['unexpected_count']} of {result['element_count']} rows, such as {examples}"
    return str(result.get("observed_value", ""))[:200]


def _exception(info: dict[str, Any]) -> str | None:
    """Return the message of the exception, if any: Great Expectations keeps one for all, or one by metric."""
    found = [info, *(value for value in info.values() if isinstance(value, dict))]
    return next(
        (str(each["exception_message"]) for each in found if each.get("exception_message")), None
    )
