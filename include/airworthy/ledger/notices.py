"""Notices: small objects beside the ledgers, so that a model server looks at one place only.

A ledger has one notice, written after each entry that servers follow. A server lists the notices: one
request for all models, on a disk and in an object store. It reads a ledger only when its notice changed.
The ledger is the record: a notice that was lost, or is old, costs time and nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from airworthy.environment import Environment
from airworthy.object_store import ObjectStore, open_store

_SUFFIX = ".json"


@dataclass(frozen=True)
class Notices:
    """The notices of one lake."""

    store: ObjectStore

    def write(self, model: str, sequence: int) -> None:
        """Write that a model's ledger has an entry with this sequence number.

        Raises:
            TransientError: when the store cannot be reached.
        """
        self.store.write(f"{model}{_SUFFIX}", json.dumps({"entry": sequence}).encode())

    def marks(self) -> dict[str, str]:
        """Return a mark by model. It differs after each write.

        Raises:
            TransientError: when the store cannot be reached.
        """
        return {
            each.path.removesuffix(_SUFFIX): f"{each.etag} {each.last_modified}"
            for each in self.store.list()
            if each.path.endswith(_SUFFIX)
        }


def open_notices(environment: Environment) -> Notices:
    """Return the notices of the environment's lake."""
    return Notices(open_store(f"{environment.lake}/_traffic"))
