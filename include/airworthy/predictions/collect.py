"""Spool -> lake, exactly once.

Each writer's records are taken in their order, and the commit that holds them says up to which one: crash where it
may, the next round goes on from what the table says. A segment is removed when it is closed and the table has all of
it. Memory is bounded: a commit is made of some MiB of records, whatever has piled up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from airworthy.environment import Environment
from airworthy.errors import TransientError
from airworthy.handover import Ref
from airworthy.lake import delta
from airworthy.predictions.decoding import Decode, prediction_decoder
from airworthy.predictions.log_rows import LABEL_COLUMNS, PREDICTION_COLUMNS, Types, label_rows
from airworthy.predictions.log_tables import append, column_types, open_or_create, table_uri, tidy
from airworthy.predictions.segments import remove_unpublished
from airworthy.predictions.spool import LABELS, PREDICTIONS, spool_folder
from airworthy.predictions.spool_batches import batches, writers_in

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 600


class CollectResult(Ref):
    """What one round brought into the lake: rows of predictions and of labels."""

    model: str
    predictions: int
    labels: int


@dataclass(frozen=True)
class _Kind:
    """Predictions or labels: the name of folder and table, the table's first columns, and how records are read."""

    name: str
    columns: Types
    decode: Decode


def collect(environment: Environment, model: str) -> CollectResult:
    """Bring everything that the spool of this machine holds of a model into the lake.

    Raises:
        TerminalError: when the spool lacks what is needed to read a version's requests.
        TransientError: when the lake cannot be reached, or others kept committing first. Nothing is lost, or there
            twice, whatever is raised.
    """
    decode = prediction_decoder(environment, model)
    environment.locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(environment.locks / f"collect-{model}.lock", timeout=_PATIENCE_SECONDS):
            predictions = _collect(
                environment, model, _Kind(PREDICTIONS, PREDICTION_COLUMNS, decode)
            )
            labels = _collect(
                environment,
                model,
                _Kind(LABELS, LABEL_COLUMNS, lambda payloads, _: label_rows(payloads)),
            )
    except Timeout:
        raise TransientError(
            "another collector is at work",
            model=model,
            stage="collect",
            received=f"{_PATIENCE_SECONDS} s of waiting",
            next_step="run again when it is done",
        ) from None
    return CollectResult(model=model, predictions=predictions, labels=labels)


def _collect(environment: Environment, model: str, kind: _Kind) -> int:
    folder, uri = (
        spool_folder(environment) / model / kind.name,
        table_uri(environment, model, kind.name),
    )
    remove_unpublished(folder)
    rows = 0
    for _ in range(delta.ATTEMPTS):
        try:
            for count in _commit_all(folder, uri, kind):
                rows += count
            if rows:
                tidy(uri)
        except delta.LostRaceError:
            continue
        return rows
    raise TransientError(
        f"other writers kept committing to {uri} first",
        model=model,
        stage="collect",
        next_step="run again",
    )


def _commit_all(folder: Path, uri: str, kind: _Kind) -> Iterator[int]:
    """Commit everything that can be read, and return each commit's rows."""
    writers = writers_in(folder)
    if not writers:
        return
    table = open_or_create(uri, kind.columns)
    known = {writer: table.transaction_version(writer) for writer in writers}
    collected = {writer: position for writer, position in known.items() if position is not None}
    for batch in batches(folder, collected):
        if batch.payloads:
            rows = kind.decode(batch.payloads, column_types(table))
            append(table, rows, batch.positions)
            yield rows.height
        for path in batch.finished:
            path.unlink(missing_ok=True)
        if batch.passed_over:
            log.warning(
                "%s: %d bytes were no whole record and were passed over", folder, batch.passed_over
            )
