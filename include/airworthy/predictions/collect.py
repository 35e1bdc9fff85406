"""Spool -> lake, exactly once.

Each writer's records are taken in their order, and the commit that holds them says up to which one: crash where it
may, the next round goes on from what the table says. A segment is removed when it is closed and the table has all of
it. Memory is bounded: a commit is made of some MiB of records, whatever has piled up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout
from pydantic import ValidationError

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.handover import Ref
from airworthy.lake import delta
from airworthy.predictions.batches import batches, writers_in
from airworthy.predictions.rows import Columns, Types, label_rows, prediction_rows
from airworthy.predictions.segments import remove_unpublished
from airworthy.predictions.spool import LABELS, PREDICTIONS, VERSIONS, LoggedVersion, spool_folder
from airworthy.predictions.tables import append, column_types, open_or_create, table_uri, tidy
from airworthy.spec import SpecError, load_spec

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 600

Decode = Callable[[list[bytes], Types], pl.DataFrame]


class CollectResult(Ref):
    """What one round brought into the lake: rows of predictions and of labels."""

    model: str
    predictions: int
    labels: int


def collect(environment: Environment, model: str) -> CollectResult:
    """Bring everything that the spool of this machine holds of a model into the lake.

    Raises:
        TerminalError: when the spool lacks what is needed to read a version's requests.
        TransientError: when the lake cannot be reached, or others kept committing first. Nothing is lost, or there
            twice, whatever is raised.
    """
    folder = spool_folder(environment) / model
    environment.locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(environment.locks / f"collect-{model}.lock", timeout=_PATIENCE_SECONDS):
            predictions = _collect(environment, model, PREDICTIONS, _prediction_decoder(environment, model, folder))
            labels = _collect(environment, model, LABELS, lambda payloads, _: label_rows(payloads))
    except Timeout:
        raise TransientError(
            "another collector is at work", model=model, stage="collect", received=f"{_PATIENCE_SECONDS} s of waiting",
            next_step="run again when it is done",
        ) from None  # fmt: skip
    return CollectResult(model=model, predictions=predictions, labels=labels)


def spooled_models(environment: Environment) -> list[str]:
    """Return the models of which this machine's spool holds something."""
    folder = spool_folder(environment)
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _collect(environment: Environment, model: str, kind: str, decode: Decode) -> int:
    folder, uri = spool_folder(environment) / model / kind, table_uri(environment, model, kind)
    remove_unpublished(folder)
    rows = 0
    for _ in range(delta.ATTEMPTS):
        try:
            for count in _commit_all(folder, uri, decode):
                rows += count
            if rows:
                tidy(uri)
        except delta.LostRace:
            continue
        return rows
    raise TransientError(
        f"other writers kept committing to {uri} first", model=model, stage="collect", next_step="run again"
    )


def _commit_all(folder: Path, uri: str, decode: Decode) -> Iterator[int]:
    """Commit everything that can be read, and return each commit's rows."""
    writers = writers_in(folder)
    if not writers:
        return
    table = open_or_create(uri)
    known = {writer: table.transaction_version(writer) for writer in writers}
    collected = {writer: position for writer, position in known.items() if position is not None}
    for batch in batches(folder, collected):
        if batch.payloads:
            rows = decode(batch.payloads, column_types(table))
            append(table, rows, batch.positions)
            yield rows.height
        for path in batch.finished:
            path.unlink(missing_ok=True)
        if batch.passed_over:
            log.warning("%s: %d bytes were no whole record and were passed over", folder, batch.passed_over)


def _prediction_decoder(environment: Environment, model: str, folder: Path) -> Decode:
    key = _key_columns(environment, model)

    @lru_cache(maxsize=1000)
    def version_of(version: str) -> LoggedVersion:
        path = folder / VERSIONS / f"{version}.json"
        try:
            return LoggedVersion.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError) as error:
            raise TerminalError(
                f"the spool does not say how requests of version {version} are read", model=model, stage="collect",
                received=f"{path}: {error}", allowed="the version's inputs, task and classes, as JSON",
                next_step="restart the model server, which writes it with its next prediction of that version",
            ) from None  # fmt: skip

    return lambda payloads, known: prediction_rows(payloads, version_of, key, known)


def _key_columns(environment: Environment, model: str) -> Columns:
    """Return the spec's key with its types; nothing while the spec is missing or broken: it is needed elsewhere."""
    try:
        ingest = load_spec(environment.models / model / "model.yaml").ingest
    except SpecError:
        return {}
    return {name: ingest.columns[name] for name in ingest.key}
