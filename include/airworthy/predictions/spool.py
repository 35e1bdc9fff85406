"""The model server's prediction log: one record per request, written before the answer leaves.

``<spool>/<model>/predictions/``     segments of predictions: one record per request
``<spool>/<model>/labels/``          segments of labels: one record per call
``<spool>/<model>/versions/<v>.json``  the description of a version: its inputs, task and classes

A record of predictions is one line of JSON, then the request's unchanged body. The kernel has the
written records, so they outlive the process. Only a crash of the machine can lose the last seconds.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from airworthy.bundle import Manifest
from airworthy.environment import Environment
from airworthy.predictions.segments import SEGMENT_BYTES, SEGMENT_SECONDS, SegmentWriter
from airworthy.predictions.spool_quota import SpoolQuota
from airworthy.spec.evaluate_part import Task
from airworthy.spec.fields import ColumnType

log = logging.getLogger(__name__)

PREDICTIONS, LABELS, VERSIONS = "predictions", "labels", "versions"
SPOOL_BYTES = 4 * 1024**3
_LARGE_BYTES = 64 * 1024
Label = float | int | bool | str | None


class LoggedVersion(BaseModel):
    """The content of ``versions/<version>.json``. The version's records are read with it."""

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, ColumnType]
    task: Task
    classes: list[str] = []


class PredictionLog:
    """Logs the answers of one process. Safe to use from several threads. It never raises.

    Attributes:
        lost: The number of records not written, because of a full disk, for example.
        quota: The size of the spool.
        on_lost: Called for each of them.
    """

    def __init__(
        self,
        folder: Path,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        limit: int = SPOOL_BYTES,
    ) -> None:
        """Prepare the log. No file is created before the first record.

        Args:
            folder: The spool's folder.
            segment_bytes: The size of a segment; see `SegmentWriter`.
            segment_seconds: The largest age of a segment in seconds; see `SegmentWriter`.
            limit: The largest size of the spool in bytes.
        """
        self.quota = SpoolQuota(folder, limit)
        self.lost = 0
        self.on_lost: Callable[[], object] = _ignore
        self._folder = folder
        self._limits = (segment_bytes, segment_seconds)
        self._writers: dict[tuple[str, str, bool], SegmentWriter] = {}
        self._described: set[tuple[str, str]] = set()
        self._failing = False
        self._lock = threading.Lock()

    def record(  # noqa: PLR0913 - called per request: no object is built for the arguments
        self,
        request_id: str,
        model: str,
        version: str,
        arm: str,
        key: str,
        body: bytes,
        predictions: list[Any],
        manifest: Manifest,
    ) -> bool:
        """Log one request before its answer is sent.

        Args:
            request_id: The request's id, from `new_request_id`.
            model: The registered model's name.
            version: The answering version.
            arm: ``champion``, ``challenger`` or ``shadow``.
            key: The targeting key.
            body: The request's unchanged body.
            predictions: One prediction per row: a number, or a list of the classes' probabilities.
            manifest: The manifest of the version's bundle. The body was read with it.

        Returns:
            Whether it is written. A failure is counted and logged.
        """
        try:
            if (model, version) not in self._described:
                self._describe(model, version, manifest)
            head = {
                "id": request_id,
                "time": time.time_ns() // 1000,
                "version": version,
                "arm": arm,
                "key": key,
                "predictions": predictions,
            }
            self.quota.take(len(body))
            # Small records do not wait for a large one.
            large = len(body) > _LARGE_BYTES
            self._writer(model, PREDICTIONS, large).append(orjson.dumps(head), b"\n", body)
        except Exception as error:
            return self._record_failure(error)
        self._record_success()
        return True

    def record_labels(self, model: str, labels: list[tuple[str, Label]]) -> bool:
        """Log received labels.

        Args:
            model: The registered model's name.
            labels: Prediction ids with their true values: a number, a boolean or a class's name.

        Returns:
            Whether they are written. After a failure the caller has to send them again.
        """
        try:
            content = orjson.dumps({"time": time.time_ns() // 1000, "labels": labels})
            self.quota.take(len(content))
            self._writer(model, LABELS).append(content)
        except Exception as error:
            return self._record_failure(error)
        self._record_success()
        return True

    def close(self) -> None:
        """Close the segments. A later record begins new ones."""
        with self._lock:
            for writer in self._writers.values():
                writer.close()

    def _writer(self, model: str, kind: str, large: bool = False) -> SegmentWriter:
        key = (model, kind, large)
        writer = self._writers.get(key)
        if writer is None:
            with self._lock:
                new_writer = SegmentWriter(self._folder / model / kind, *self._limits)
                writer = self._writers.setdefault(key, new_writer)
        return writer

    def _describe(self, model: str, version: str, manifest: Manifest) -> None:
        path = self._folder / model / VERSIONS / f"{version}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        version_description = LoggedVersion(
            inputs=manifest.inputs, task=manifest.task, classes=manifest.classes
        )
        with self._lock:
            hidden = path.with_suffix(f".{os.getpid()}.new")
            hidden.write_text(version_description.model_dump_json(), encoding="utf-8")
            hidden.replace(path)
            self._described.add((model, version))

    def _record_failure(self, error: Exception) -> bool:
        # An answer is worth more than its record: the error is logged and the request continues.
        self.lost += 1
        self.on_lost()
        if not self._failing:
            self._failing = True
            log.error("predictions cannot be logged: %s: %s", type(error).__name__, error)
        return False

    def _record_success(self) -> None:
        if self._failing:
            self._failing = False
            log.warning("predictions are logged again; %d records were lost so far", self.lost)


def _ignore() -> None:
    """Do nothing."""


def spool_folder(environment: Environment) -> Path:
    """Return the folder of an environment's spool, on a local disk of the serving machine."""
    return environment.state / "spool"


def open_prediction_log(environment: Environment) -> PredictionLog:
    """Return a log in an environment's spool, for one process."""
    limit = environment.server.limits.spool_bytes
    return PredictionLog(spool_folder(environment), limit=limit)


def spooled_models(environment: Environment) -> list[str]:
    """Return the models with a folder in this machine's spool."""
    folder = spool_folder(environment)
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir())
