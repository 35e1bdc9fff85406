"""A real record of releases in a folder: what a release would append to the ledgers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock

from airworthy.bundle import bundle_digest
from airworthy.ledger import Entry
from airworthy.ledger.events import (
    AliasMove,
    CandidateDropped,
    CandidateNamed,
    LedgerEvent,
    Registration,
    Retirement,
    RolloutStep,
    RolloutStopped,
    ServerRole,
)
from airworthy.ledger.ledger import Ledger
from airworthy.ledger.ledger_follower import LedgerFollower
from airworthy.ledger.notices import Notices
from airworthy.object_store import open_store
from airworthy.server_settings import ServerSettings
from airworthy.serving.record_reader import Following, LakeRecord, OwnDisk
from airworthy.traffic import Rollout, Traffic, traffic_of
from airworthy.traffic.label_exchange import open_label_store
from airworthy.traffic.replica_reports import Replica, ReplicaReports

RUN = "run-1"


class _LaterMove(LedgerEvent):
    """A move to several versions."""

    kind: ClassVar[str] = AliasMove.kind

    to: list[str]

    @property
    def subject(self) -> str:
        """The versions."""
        return ", ".join(self.to)

    def entry_id(self, run_id: str) -> str:
        """Return one id per run."""
        return f"{self.kind}:{run_id}:several"


class ReleaseRecord:
    """The ledgers of models in `lake`; the files of versions are in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lake = str(root / "lake")
        self.without_notices = False

    def following(
        self, role: ServerRole = "production", flags: str | None = None, **settings: Any
    ) -> Following:
        """Return the record for a server with some settings of its environment.

        Args:
            role: The server's role.
            flags: The address of the flag file, or None.
            **settings: As in an environment file.
        """
        return Following(
            LakeRecord(self.lake),
            self.reports(role),
            role,
            ServerSettings.model_validate(settings),
            flags=flags,
            labels=open_label_store(str(self.lake)),
        )

    def own_disk(self) -> OwnDisk:
        """Return the place of a server's last good versions."""
        return OwnDisk(self.root / "kept", self._ledger)

    def reports(self, role: ServerRole = "production") -> ReplicaReports:
        """Return the place of the servers' reports."""
        return ReplicaReports(open_store(f"{self.lake}/_servers"), role)

    def replica(self, role: ServerRole = "production") -> Replica:
        """Return the only server by its last report."""
        (replica,) = self.reports(role).read()
        return replica

    def traffic(self, model: str = "eta") -> Traffic:
        """Return a model's traffic."""
        return traffic_of(LedgerFollower(self._ledger(model).uri, model).new_entries())

    def register(self, model: str, version: str = "1") -> Entry:
        """Append an entry that gives no traffic."""
        event = Registration(version=version, as_of=datetime(2026, 1, 1, tzinfo=UTC))
        return self._append(model, event)

    def retire(self, model: str, version: str) -> Entry:
        """Retire a model."""
        return self._append(model, Retirement(from_version=version, reason="no longer needed"))

    def move(
        self,
        model: str,
        version: str,
        digest: str | None = None,
        watched_until: datetime | None = None,
    ) -> Entry:
        """Make a version champion; return the entry.

        Args:
            model: The model's name.
            version: The version.
            digest: The digest in the entry. None: that of its files now.
            watched_until: The end of its watch. None: it is not watched.
        """
        moves = len([e for e in self._entries(model) if e.kind == AliasMove.kind])
        event = AliasMove(
            to=version,
            bundle_digest=digest or self._digest(model, version),
            watched_until=watched_until,
            moves_before=moves,
        )
        return self._append(model, event)

    def name(
        self,
        version: str,
        *,
        model: str = "eta",
        server: ServerRole = "production",
        digest: str | None = None,
    ) -> Entry:
        """Name a candidate.

        Args:
            version: The version.
            model: The model's name.
            server: The role of the servers that load it.
            digest: The digest in the entry. None: that of its files now.
        """
        named = len([e for e in self._entries(model) if e.kind == CandidateNamed.kind])
        event = CandidateNamed(
            version=version,
            purpose="staging" if server == "staging" else "release",
            bundle_digest=digest or self._digest(model, version),
            server=server,
            named_before=named,
        )
        return self._append(model, event)

    def drop(self, named: Entry) -> Entry:
        """Drop a candidate; `named` is the entry that named it."""
        assert isinstance(named.event, CandidateNamed)
        event = CandidateDropped(
            version=named.event.version, purpose=named.event.purpose, named_by=named.sequence
        )
        return self._append(named.model, event)

    def begin(
        self,
        step: Any,
        challenger: str = "2",
        *,
        model: str = "eta",
        run_id: str = RUN,
        digest: str | None = None,
    ) -> Rollout:
        """Begin a step of a rollout against the champion, and return it.

        Args:
            step: The step.
            challenger: Its version.
            model: The model's name.
            run_id: The run of the rollout.
            digest: The digest in the entry. None: that of the challenger's files now.
        """
        event = RolloutStep(
            version=challenger,
            step=step,
            state="begun",
            champion=self.traffic(model).champion_version,
            since=datetime.now(UTC),
            bundle_digest=digest or self._digest(model, challenger),
        )
        self._append(model, event, run_id)
        rollout = self.traffic(model).rollout
        assert rollout is not None
        return rollout

    def stop(self, model: str = "eta") -> Entry:
        """Stop the rollout."""
        rollout = self.traffic(model).rollout
        assert rollout is not None
        event = RolloutStopped(version=rollout.challenger, step=rollout.step)
        return self._append(model, event, rollout.run_id)

    def append_unreadable(self, model: str = "eta") -> Entry[Any]:
        """Append a move of the champion as a later version of Airworthy may write it."""
        return self._append(model, _LaterMove(to=["2", "3"]))

    def append_changed(self, version: str, model: str = "eta") -> None:
        """Append a move of the champion whose file was changed before a server could read it."""
        self.without_notices = True
        folder = Path(self._ledger(model).uri)
        before = set(folder.glob("*.parquet"))
        entry = self.move(model, version)
        (file,) = set(folder.glob("*.parquet")) - before
        file.write_bytes(file.read_bytes() + b" ")
        self.without_notices = False
        self._notices.write(model, entry.sequence)

    def _append(self, model: str, event: LedgerEvent, run_id: str = RUN) -> Entry[Any]:
        return self._ledger(model).append(event, run_id=run_id, who="a person")

    def _entries(self, model: str) -> list[Entry]:
        return self._ledger(model).entries()

    def _ledger(self, model: str) -> Ledger:
        lock = FileLock(self.root / f"{model}.lock")
        notices = None if self.without_notices else self._notices
        return Ledger(f"{self.lake}/{model}/ledger", model, lock, notices)

    @property
    def _notices(self) -> Notices:
        return Notices(open_store(f"{self.lake}/_traffic"))

    def _digest(self, model: str, version: str) -> str:
        return bundle_digest(self.root / model / version)
