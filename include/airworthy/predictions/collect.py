"""Collects the spool's records into the lake, exactly once.

Each writer's records are read in order. Their commit also stores the writer's position, so after a
crash the next collection continues from the table's position. A segment is removed when it is
closed and the table has all of it. Memory is bounded: a commit holds some MiB of records.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from airworthy.environment import Environment
from airworthy.errors import TransientError
from airworthy.handover import StageOutput
from airworthy.lake import delta
from airworthy.predictions.decoding import Decode, prediction_decoder
from airworthy.predictions.log_rows import LABEL_COLUMNS, PREDICTION_COLUMNS, Types, label_rows
from airworthy.predictions.log_tables import (
    append,
    column_types,
    compact_files,
    open_or_create,
    table_uri,
)
from airworthy.predictions.segments import keep_aside, remove_unpublished
from airworthy.predictions.spool import LABELS, PREDICTIONS, spool_folder
from airworthy.predictions.spool_batches import batches, has_news, writers_in

log = logging.getLogger(__name__)

_LOCK_TIMEOUT_SECONDS = 600


class CollectResult(StageOutput):
    """The rows of predictions and of labels added to the lake by one collection."""

    model: str
    predictions: int
    labels: int


@dataclass(frozen=True)
class _RecordKind:
    """Predictions or labels: the name of folder and table, the first columns, the decoder."""

    name: str
    columns: Types
    decode: Decode


def collect(environment: Environment, model: str) -> CollectResult:
    """Collect all records of a model in this machine's spool into the lake.

    No record is lost or collected twice, also after an error.

    Raises:
        TerminalError: when the spool has no description of a version's requests.
        TransientError: when the lake cannot be reached, or others kept committing first.
    """
    return Collector(environment).collect(model)


class Collector:
    """Collects again and again. While nothing is new, it looks at the spool only.

    A new record is noticed by the bytes after the last collected one. So many models may be asked
    often: a lake far away is opened only for those with new records.
    """

    def __init__(self, environment: Environment) -> None:
        """Know nothing of the lake yet."""
        self._environment = environment
        # By the spool's folder: the position of each writer in the lake.
        self._collected: dict[Path, dict[str, int]] = {}

    def collect(self, model: str) -> CollectResult:
        """Collect all records of a model; see `collect`."""
        folders = [spool_folder(self._environment) / model / kind for kind in (PREDICTIONS, LABELS)]
        if not any(has_news(folder, self._collected.get(folder, {})) for folder in folders):
            return CollectResult(model=model, predictions=0, labels=0)
        return _collect_model(self._environment, model, self._collected)


def _collect_model(
    environment: Environment, model: str, collected: dict[Path, dict[str, int]]
) -> CollectResult:
    """Collect a model's records, and note the positions in the lake."""
    decode = prediction_decoder(environment, model)
    environment.locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(environment.locks / f"collect-{model}.lock", timeout=_LOCK_TIMEOUT_SECONDS):
            predictions = _collect(
                environment,
                model,
                _RecordKind(PREDICTIONS, PREDICTION_COLUMNS, decode),
                collected,
            )
            labels = _collect(
                environment,
                model,
                _RecordKind(LABELS, LABEL_COLUMNS, lambda payloads, _: label_rows(payloads)),
                collected,
            )
    except Timeout:
        raise TransientError(
            "another collector is at work",
            model=model,
            stage="collect",
            received=f"{_LOCK_TIMEOUT_SECONDS} s of waiting",
            next_step="run again when it is done",
        ) from None
    return CollectResult(model=model, predictions=predictions, labels=labels)


def _collect(
    environment: Environment,
    model: str,
    kind: _RecordKind,
    collected: dict[Path, dict[str, int]],
) -> int:
    folder = spool_folder(environment) / model / kind.name
    uri = table_uri(environment, model, kind.name)
    remove_unpublished(folder)
    rows = 0
    for _ in range(delta.ATTEMPTS):
        try:
            for count in _commit_all(folder, uri, kind, collected):
                rows += count
            if rows:
                compact_files(uri)
        except delta.LostRaceError:
            continue
        return rows
    raise TransientError(
        f"other writers kept committing to {uri} first",
        model=model,
        stage="collect",
        next_step="run again",
    )


def _commit_all(
    folder: Path, uri: str, kind: _RecordKind, collected: dict[Path, dict[str, int]]
) -> Iterator[int]:
    """Commit all readable records. Yield each commit's number of rows."""
    writers = writers_in(folder)
    if not writers:
        return
    table = open_or_create(uri, kind.columns)
    positions = {writer: table.transaction_version(writer) for writer in writers}
    known = {writer: position for writer, position in positions.items() if position is not None}
    collected[folder] = dict(known)
    for batch in batches(folder, known):
        if batch.payloads:
            rows = kind.decode(batch.payloads, column_types(table))
            append(table, rows, batch.positions)
            collected[folder] |= batch.positions
            yield rows.height
        for path in batch.finished_segments:
            path.unlink(missing_ok=True)
        for path in batch.damaged_segments:
            keep_aside(path)
        if batch.skipped_bytes:
            log.warning(
                "%s: %d bytes were no whole record and were passed over",
                folder,
                batch.skipped_bytes,
            )
