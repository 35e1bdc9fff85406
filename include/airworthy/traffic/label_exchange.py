"""Labels that reach a model server which did not make their predictions, on the way to the others.

Behind a load balancer a label reaches any replica. Its prediction is in the memory of one. During
a rollout step each replica writes labels of ids that it does not know, and reads those of others:

``<lake>/_servers/labels/<model>/<entry>/<replica>-<number>.json``

`entry` is the sequence number of the step's entry in the ledger. Nothing here is the record of a
label: the replica that received it has logged it before.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from airworthy.object_store import ObjectStore, open_store
from airworthy.predictions.spool import Label

log = logging.getLogger("airworthy.traffic")

MAX_BATCH = 5_000
"""Labels in one batch."""
MAX_BATCHES = 300
"""Batches of one replica in one step that are kept: with one a second, those of five minutes."""
KEPT_FOR = timedelta(days=1)
"""Batches of replicas that ended without removing them are removed after this time."""
_SUFFIX = ".json"

SentLabel = tuple[str, Label]
"""A prediction's id, and its true value."""


@dataclass(frozen=True)
class Step:
    """One step of a model's rollout: the model, and the sequence number of the step's entry."""

    model: str
    entry: int

    @property
    def folder(self) -> str:
        """The folder of the step's batches."""
        return f"{self.model}/{self.entry}"


@dataclass(frozen=True)
class LabelExchange:
    """The batches of labels of all replicas, as one replica writes and reads them.

    All methods may raise a `TerminalError` when the store refuses, and a `TransientError` when it
    cannot be reached.
    """

    store: ObjectStore
    replica: str

    def write(self, step: Step, number: int, labels: Sequence[SentLabel]) -> None:
        """Write a batch, and remove the one that is too many.

        Args:
            step: The step.
            number: The number of the batch, counted from 0.
            labels: The labels, at most `MAX_BATCH`.
        """
        self.store.write(self._path(step, number), orjson.dumps(labels))
        if number >= MAX_BATCHES:
            self.store.delete(self._path(step, number - MAX_BATCHES))

    def batches(self, step: Step) -> list[str]:
        """Return the paths of the other replicas' batches."""
        own = f"{step.folder}/{self.replica}"
        return [
            each.path
            for each in self.store.list(step.folder)
            if each.path.endswith(_SUFFIX) and each.path.rpartition("-")[0] != own
        ]

    def read(self, path: str) -> list[SentLabel]:
        """Return the labels of a batch; none when it was removed or cannot be read."""
        stored = self.store.read(path)
        if stored is None:
            return []
        try:
            return [(str(sent), label) for sent, label in orjson.loads(stored.content)]
        except (ValueError, TypeError) as error:
            log.warning("the labels in %s cannot be read: %s", path, error)
            return []

    def remove_until(self, step: Step) -> None:
        """Remove the batches of a step that is over, and of the model's steps before it."""
        for each in self.store.list(step.model):
            if _entry(each.path) <= step.entry:
                self.store.delete(each.path)

    def remove_old(self, now: datetime) -> None:
        """Remove what is older than `KEPT_FOR`."""
        for each in self.store.list():
            if now - each.last_modified > KEPT_FOR:
                self.store.delete(each.path)

    def _path(self, step: Step, number: int) -> str:
        return f"{step.folder}/{self.replica}-{number:08d}{_SUFFIX}"


def _entry(path: str) -> int:
    parts = path.split("/")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else 0


def open_label_store(lake: str) -> ObjectStore:
    """Return the place of all replicas' labels beside a lake."""
    return open_store(f"{lake}/_servers/labels")
