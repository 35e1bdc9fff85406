"""Validation results of partitions, remembered by content: no partition is validated twice.

The key of a result is the partition's digest and the suite's digest. After a restatement or a
change of an expectation, the partition is validated again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from airworthy.handover import CheckResult
from airworthy.object_store import local_folder, open_store
from airworthy.spec.validate_part import Expectation

_COLUMN_ARGUMENTS = {"column", "column_A", "column_list", "column_set"}


def suite_digest(expectations: list[Expectation]) -> str:
    """Return the SHA-256 of a suite's expectations, in order."""
    text = json.dumps([each.model_dump(mode="json") for each in expectations], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class PartitionResults:
    """Results of one suite, one JSON file each: ``<suite>/<day>-<digest>.json``.

    They lie beside the lake: a retry on another machine finds them. A machine reads a remote result
    once and then has a copy. A file's name has the digest of its content's cause, so a copy is
    never out of date.
    """

    def __init__(self, uri: str, suite: str, copies: Path | None = None) -> None:
        """Keep the address. Nothing is read yet.

        Args:
            uri: The address of all results of the model: a folder, or ``s3://...``.
            suite: The suite's digest.
            copies: The folder of this machine's copies. A copy that is missing at `uri`, from a
                version before 0.3.0, is brought there. None: no copies.
        """
        self._store, self._suite, self._copies = open_store(uri), suite[:16], copies
        self._is_remote = local_folder(uri) is None

    def get(self, day: str, digest: str) -> dict[str, Any] | None:
        """Return the remembered result, or None.

        Raises:
            TransientError: when the object store cannot be reached.
        """
        name = self._name(day, digest)
        if name not in self._names:
            return self._take_over(name)
        copy = self._read_copy(name) if self._is_remote else None
        if copy is not None:
            return copy
        stored = self._store.read(name)
        result = None if stored is None else _parse(stored.content)
        if result is not None:
            self._write_copy(name, result)
        return result

    def _take_over(self, name: str) -> dict[str, Any] | None:
        """Bring a copy to the address, if this machine has one, and return it."""
        copy = self._read_copy(name)
        if copy is not None:
            self._store.write(name, json.dumps(copy).encode())
            self._names.add(name)
        return copy

    def put(self, day: str, digest: str, result: dict[str, Any]) -> None:
        """Remember a result. A reader sees all of it or nothing.

        Args:
            day: The partition (``2026-01-31``).
            digest: Its content digest.
            result: Great Expectations' result as JSON values.

        Raises:
            TransientError: when the object store cannot be reached.
        """
        name = self._name(day, digest)
        self._store.write(name, json.dumps(result).encode())
        self._names.add(name)
        self._write_copy(name, result)

    def put_page(self, day: str, digest: str, page: str) -> None:
        """Keep the page of a result, for people.

        Args:
            day: The partition (``2026-01-31``).
            digest: Its content digest.
            page: HTML.

        Raises:
            TransientError: when the object store cannot be reached.
        """
        name = self._name(day, digest, "html")
        self._store.write(name, page.encode())
        self._names.add(name)

    def page(self, day: str, digest: str) -> str | None:
        """Return the path of a result's page below the address; None: it has none.

        Raises:
            TransientError: when the object store cannot be reached.
        """
        name = self._name(day, digest, "html")
        return name if name in self._names else None

    @cached_property
    def _names(self) -> set[str]:
        """The suite's files at the address, by one listing."""
        return {info.path for info in self._store.list(self._suite)}

    def _name(self, day: str, digest: str, ending: str = "json") -> str:
        return f"{self._suite}/{day}-{digest[:16]}.{ending}"

    def _copy(self, name: str) -> Path | None:
        suite, _, file = name.rpartition("/")
        stem, _, ending = file.rpartition(".")
        return None if self._copies is None else self._copies / f"{stem}-{suite}.{ending}"

    def _read_copy(self, name: str) -> dict[str, Any] | None:
        path = self._copy(name)
        return _parse(path.read_bytes()) if path is not None and path.is_file() else None

    def _write_copy(self, name: str, result: dict[str, Any]) -> None:
        path = self._copy(name)
        if path is None or not self._is_remote:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.part")
        partial.write_text(json.dumps(result), encoding="utf-8")
        partial.replace(path)


def _parse(content: bytes) -> dict[str, Any] | None:
    """Return JSON values; None when the file is damaged."""
    try:
        return dict(json.loads(content))
    except ValueError:
        return None


def summarise(
    expectations: list[Expectation],
    results: Iterable[tuple[str, dict[str, Any]]],
    since: Mapping[str, date] | None = None,
) -> list[CheckResult]:
    """Return one check per expectation over all partitions.

    Args:
        expectations: The expectations of the suite, in order.
        results: Pairs of a day (``2026-01-31``) and Great Expectations' result as JSON values.
        since: Column -> its first day. Nothing is expected of a column before it.
    """
    first_days = [_first_day(each, since or {}) for each in expectations]
    failed: list[list[str]] = [[] for _ in expectations]
    observed = [""] * len(expectations)
    for day, result in results:
        for single in result["results"]:
            # Expectations of one day alone have no number; see `DefaultExpectations.summarise`.
            number = single["expectation_config"]["meta"].get("number")
            if number is None or day < first_days[number]:
                continue
            if not single["success"]:
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


def _first_day(expectation: Expectation, since: Mapping[str, date]) -> str:
    """Return the day from which an expectation holds; empty: always."""
    single = [expectation.arguments.get(key) for key in ("column", "column_A", "column_B")]
    listed = expectation.arguments.get("column_list") or []
    names = [*single, *listed] if isinstance(listed, list) else single
    later = [since[name] for name in names if isinstance(name, str) and name in since]
    return f"{max(later)}" if later else ""


def _column(expectation: Expectation) -> str | None:
    columns = [
        str(value) for key, value in expectation.arguments.items() if key in _COLUMN_ARGUMENTS
    ]
    return ", ".join(columns) or None


def _observed(single: dict[str, Any]) -> str:
    """Describe the observed values of a failed expectation in a few words."""
    message = exception_message(single.get("exception_info") or {})
    result = single.get("result") or {}
    if message:
        return message.splitlines()[0][:200]
    if "unexpected_percent" in result and result["unexpected_percent"] is not None:
        examples = ", ".join(str(value) for value in result.get("partial_unexpected_list", [])[:5])
        return f"{result['unexpected_count']} of {result['element_count']} rows, such as {examples}"
    return str(result.get("observed_value", ""))[:200]


def exception_message(info: dict[str, Any]) -> str | None:
    """Return the message of Great Expectations' exception, if any: one in all, or one per metric."""
    exceptions = [info, *(value for value in info.values() if isinstance(value, dict))]
    messages = (each.get("exception_message") for each in exceptions)
    return next((str(message) for message in messages if message), None)
