"""What the model server calls: one short record per answered request, on local disk before the answer leaves.

``<spool>/<model>/predictions/``     segments of predictions: one record per request
``<spool>/<model>/labels/``          segments of labels: one record per call
``<spool>/<model>/versions/<v>.json``  what is needed to read a version's requests: its inputs, task and classes

A record of predictions is one line of JSON, then the request's body as it came. What is with the kernel outlives the
process, whatever ends it; only a crash of the machine itself can take the last seconds along.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from airworthy.bundle import Manifest
from airworthy.environment import Environment
from airworthy.predictions.segments import SEGMENT_BYTES, SEGMENT_SECONDS, SegmentWriter
from airworthy.spec.evaluate_part import Task
from airworthy.spec.fields import ColumnType

log = logging.getLogger(__name__)

PREDICTIONS, LABELS, VERSIONS = "predictions", "labels", "versions"
Label = float | int | bool | str | None


class LoggedVersion(BaseModel):
    """What ``versions/<version>.json`` says: how the version's requests and predictions are read."""

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, ColumnType]
    task: Task
    classes: list[str] = []


class PredictionLog:
    """Logs what one process answers. Safe to use from several threads; it never raises into a request.

    Attributes:
        lost: How many records could not be written, because the disk was full, for example.
    """

    def __init__(
        self,
        folder: Path,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
    ) -> None:
        """Name the spool's folder; nothing is made before the first record. See `SegmentWriter`."""
        self.lost = 0
        self._folder = folder
        self._limits = (segment_bytes, segment_seconds)
        self._writers: dict[tuple[str, str], SegmentWriter] = {}
        self._described: set[tuple[str, str]] = set()
        self._failing = False
        self._lock = threading.Lock()

    def record(
        self,
        id: str,
        model: str,
        version: str,
        arm: str,
        key: str,
        body: bytes,
        predictions: list[Any],
        manifest: Manifest,
    ) -> bool:
        """Log one request that is about to be answered.

        Args:
            id: The request's id, from `new_request_id`.
            model: The registered model's name.
            version: The version that answers.
            arm: ``champion``, ``challenger`` or ``shadow``.
            key: The targeting key.
            body: The request's body, as it came.
            predictions: One prediction per row: a number, or a list of the classes' probabilities.
            manifest: The manifest of the version's bundle, by which the body was read.

        Returns:
            Whether it is written; if not, that was counted and logged.
        """
        try:
            if (model, version) not in self._described:
                self._describe(model, version, manifest)
            head = {
                "id": id,
                "time": time.time_ns() // 1000,
                "version": version,
                "arm": arm,
                "key": key,
                "predictions": predictions,
            }
            self._writer(model, PREDICTIONS).append(orjson.dumps(head), b"\n", body)
        except Exception as error:
            return self._failed(error)
        self._worked()
        return True

    def record_labels(self, model: str, labels: list[tuple[str, Label]]) -> bool:
        """Log labels that have arrived.

        Args:
            model: The registered model's name.
            labels: Prediction ids with what turned out to be true: a number, a truth value or a class's name.

        Returns:
            Whether they are written; if not, the caller has to send them again.
        """
        try:
            content = {"time": time.time_ns() // 1000, "labels": labels}
            self._writer(model, LABELS).append(orjson.dumps(content))
        except Exception as error:
            return self._failed(error)
        self._worked()
        return True

    def close(self) -> None:
        """Close the segments; a later record begins new ones."""
        with self._lock:
            for writer in self._writers.values():
                writer.close()

    def _writer(self, model: str, kind: str) -> SegmentWriter:
        found = self._writers.get((model, kind))
        if found is None:
            with self._lock:
                made = SegmentWriter(self._folder / model / kind, *self._limits)
                found = self._writers.setdefault((model, kind), made)
        return found

    def _describe(self, model: str, version: str, manifest: Manifest) -> None:
        path = self._folder / model / VERSIONS / f"{version}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        described = LoggedVersion(
            inputs=manifest.inputs, task=manifest.task, classes=manifest.classes
        )
        with self._lock:
            hidden = path.with_suffix(f".{os.getpid()}.new")
            hidden.write_text(described.model_dump_json(), encoding="utf-8")
            hidden.replace(path)
            self._described.add((model, version))

    def _failed(self, error: Exception) -> bool:
        # An answer is worth more than its record: whatever went wrong here is told, and the request goes on.
        self.lost += 1
        if not self._failing:
            self._failing = True
            log.error("predictions cannot be logged: %s: %s", type(error).__name__, error)
        return False

    def _worked(self) -> None:
        if self._failing:
            self._failing = False
            log.warning("predictions are logged again; %d records were lost so far", self.lost)


def spool_folder(environment: Environment) -> Path:
    """Return the folder of an environment's spool: on a local disk of the machine that serves."""
    return environment.state / "spool"


def open_prediction_log(environment: Environment) -> PredictionLog:
    """Return a log into an environment's spool, for one process."""
    return PredictionLog(spool_folder(environment))


def spooled_models(environment: Environment) -> list[str]:
    """Return the models of which this machine's spool holds something."""
    folder = spool_folder(environment)
    return (
        sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    )
