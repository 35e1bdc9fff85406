"""The record as the model server reads it: blocking calls, made in threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

# Threads must not be the first to import it: one would see a part of what another one imports.
import obstore.exceptions  # noqa: F401

from airworthy.environment import Environment
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import ServerRole
from airworthy.ledger.ledger import Ledger
from airworthy.ledger.ledger_follower import LedgerFollower
from airworthy.ledger.notices import Notices
from airworthy.object_store import ObjectStore, local_folder, open_store
from airworthy.server_settings import ServerSettings
from airworthy.traffic.label_exchange import open_label_store
from airworthy.traffic.replica_reports import ReplicaReports, open_replica_reports


class RecordReader(Protocol):
    """The ledgers of all models. Calls may block: the server makes them off its event loop.

    Each may raise a `TransientError` (the record is out of reach) or a `TerminalError` (the store
    refuses).
    """

    def marks(self) -> dict[str, str]:
        """Return a mark by model, from one request. It differs after each new entry."""
        ...

    def models(self) -> list[str]:
        """Return the names of all models that may have a ledger."""
        ...

    def new_entries(self, model: str) -> list[Entry] | None:
        """Return the entries of a model's ledger since the last call, oldest first.

        None: there is no ledger. Only one call at a time is made for one model.

        Raises:
            TerminalError: also when one of them was changed; it names the entry.
        """
        ...


class LakeRecord:
    """The ledgers beside a lake."""

    def __init__(self, lake: str) -> None:
        """Keep the lake's address. Reads nothing."""
        self._lake = lake.rstrip("/")
        self._store = open_store(self._lake)
        self._notices = Notices(open_store(f"{self._lake}/_traffic"))
        self._followers: dict[str, LedgerFollower] = {}

    def marks(self) -> dict[str, str]:
        """Return a mark by model; see `RecordReader`."""
        return self._notices.marks()

    def models(self) -> list[str]:
        """Return the folders of models; see `RecordReader`."""
        return [name for name in self._store.folders() if not name.startswith("_")]

    def new_entries(self, model: str) -> list[Entry] | None:
        """Return the entries since the last call; see `RecordReader`."""
        follower = self._followers.get(model)
        if follower is None:
            follower = LedgerFollower(f"{self._lake}/{model}/ledger", model)
            self._followers[model] = follower
        entries = follower.new_entries()
        return entries if follower.exists else None


@dataclass(frozen=True)
class LookTimes:
    """The times between looks at the record, in seconds.

    `notices` is for the notices of all models, `ledgers` for each ledger whatever its notice says.
    """

    notices: float
    ledgers: float


LOCAL_LOOKS = LookTimes(notices=0.2, ledgers=30.0)
OBJECT_STORE_LOOKS = LookTimes(notices=1.0, ledgers=60.0)


@dataclass(frozen=True)
class OwnDisk:
    """The parts by which a server keeps the last good versions on its own disk.

    Attributes:
        folder: The folder of the versions.
        open_ledger: Opens a model's ledger: it names the versions, and orders are recorded there.
    """

    folder: Path
    open_ledger: Callable[[str], Ledger]


@dataclass(frozen=True)
class Following:
    """The record that a server follows, and the place of its reports.

    Attributes:
        record: The ledgers.
        reports: The place of its reports; None: it writes none.
        role: The server's role.
        settings: The environment's settings for servers.
        looks: The times between looks.
        flags: The address of the flagd file with a person's flags. It is polled and may be missing.
            None: no person's flags.
        labels: The place where replicas pass on labels; None: it passes on none.
        own_disk: The place of the last good versions; None: it keeps none.
    """

    record: RecordReader
    reports: ReplicaReports | None = None
    role: ServerRole = "production"
    settings: ServerSettings = field(default_factory=ServerSettings)
    looks: LookTimes = LOCAL_LOOKS
    flags: str | None = None
    labels: ObjectStore | None = None
    own_disk: OwnDisk | None = None


def following_of(environment: Environment, role: ServerRole = "production") -> Following:
    """Return the record of an environment, for a server of this role."""
    is_local = local_folder(environment.lake) is not None
    return Following(
        LakeRecord(environment.lake),
        open_replica_reports(environment, role),
        role,
        environment.server,
        LOCAL_LOOKS if is_local else OBJECT_STORE_LOOKS,
        environment.flags_address,
        open_label_store(environment.lake),
        own_disk_of(environment) if role == "production" else None,
    )


def own_disk_of(environment: Environment) -> OwnDisk:
    """Return the place of a production server's last good versions, below the state folder."""
    return OwnDisk(
        environment.state / "kept",
        partial(open_ledger, environment),
    )
