"""Validation results of partitions, cached by content: no partition is validated twice.

The key of a result is the partition's digest and the suite's digest. After a restatement or a
change of an expectation, the partition is validated again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airworthy.handover import CheckResult
from airworthy.spec.validate_part import Expectation

_COLUMN_ARGUMENTS = {"column", "column_A", "column_list", "column_set"}


def suite_digest(expectations: list[Expectation]) -> str:
    """Return the SHA-256 of a suite's expectations, in order."""
    text = json.dumps([each.model_dump(mode="json") for each in expectations], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class PartitionResults:
    """A folder with one JSON file for each result."""

    def __init__(self, folder: Path, suite: str) -> None:
        """Create the folder; `suite` is the suite's digest."""
        self._folder = folder
        self._suite = suite
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, day: str, digest: str, ending: str = "json") -> Path:
        """Return the path of a partition's result or page.

        Args:
            day: The partition (``2026-01-31``).
            digest: Its content digest.
            ending: ``json`` for the result, ``html`` for the page.
        """
        return self._folder / f"{day}-{digest[:16]}-{self._suite[:16]}.{ending}"

    def get(self, day: str, digest: str) -> dict[str, Any] | None:
        """Return the cached result, or None."""
        try:
            return dict(json.loads(self.path(day, digest).read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def put(self, day: str, digest: str, result: dict[str, Any]) -> None:
        """Write a result atomically.

        Args:
            day: The partition (``2026-01-31``).
            digest: Its content digest.
            result: Great Expectations' result as JSON values.
        """
        target = self.path(day, digest)
        partial = target.with_suffix(f".{os.getpid()}.part")
        partial.write_text(json.dumps(result), encoding="utf-8")
        partial.replace(target)


def summarise(
    expectations: list[Expectation], results: Iterable[tuple[str, dict[str, Any]]]
) -> list[CheckResult]:
    """Return one check per expectation over all partitions.

    Args:
        expectations: The expectations of the suite, in order.
        results: Pairs of a day (``2026-01-31``) and Great Expectations' result as JSON values.
    """
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
            observed=text,
        )
        for each, days, text in zip(expectations, failed, observed, strict=True)
    ]


def _column(expectation: Expectation) -> str | None:
    columns = [
        str(value) for key, value in expectation.arguments.items() if key in _COLUMN_ARGUMENTS
    ]
    return ", ".join(columns) or None


def _observed(single: dict[str, Any]) -> str:
    """Describe the observed values of a failed expectation in a few words."""
    message = _exception(single.get("exception_info") or {})
    result = single.get("result") or {}
    if message:
        return message.splitlines()[0][:200]
    if "unexpected_percent" in result and result["unexpected_percent"] is not None:
        examples = ", ".join(str(value) for value in result.get("partial_unexpected_list", [])[:5])
        return f"{result['unexpected_count']} of {result['element_count']} rows, such as {examples}"
    return str(result.get("observed_value", ""))[:200]


def _exception(info: dict[str, Any]) -> str | None:
    """Return the exception's message, if any; there is one in all, or one per metric."""
    exceptions = [info, *(value for value in info.values() if isinstance(value, dict))]
    messages = (each.get("exception_message") for each in exceptions)
    return next((str(message) for message in messages if message), None)
