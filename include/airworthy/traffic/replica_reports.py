"""The place of the servers' reports: one object for each server, below ``<lake>/_servers``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from airworthy.environment import Environment
from airworthy.ledger.events import ServerRole
from airworthy.object_store import ObjectStore, open_store
from airworthy.traffic.replica_report import ReplicaReport

log = logging.getLogger("airworthy.traffic")

KEPT_FOR = timedelta(days=1)
"""A server removes reports of others after this time without a new one."""
_SUFFIX = ".json"


@dataclass(frozen=True)
class Replica:
    """A server by its last report.

    `written` is the time of the report in UTC, by the clock of the store.
    """

    report: ReplicaReport
    written: datetime

    @property
    def name(self) -> str:
        """The server's name."""
        return self.report.replica

    def is_live(self, now: datetime) -> bool:
        """Tell whether the server counts: it is ready, has not ended, and its lease is not over."""
        lease = timedelta(seconds=self.report.lease_seconds)
        return self.report.ready and not self.report.stopped and now - self.written <= lease

    def is_silent(self, now: datetime) -> bool:
        """Tell whether the server has neither ended nor reported within its lease."""
        return self.report.ready and not self.report.stopped and not self.is_live(now)


@dataclass(frozen=True)
class ReplicaReports:
    """The reports of all servers of one role."""

    store: ObjectStore
    server: ServerRole

    def write(self, report: ReplicaReport) -> None:
        """Write a server's report in the place of its last one.

        Raises:
            TransientError: when the store cannot be reached.
        """
        self.store.write(self._path(report.replica), report.model_dump_json().encode())

    def read(self) -> list[Replica]:
        """Return the servers by their last reports, by name. A report that cannot be read is none.

        Raises:
            TransientError: when the store cannot be reached.
        """
        replicas = []
        listed = self.store.list(self.server)
        paths = [each.path for each in listed if each.path.endswith(_SUFFIX)]
        for stored in self.store.read_all(paths):
            if stored is None:
                continue
            try:
                report = ReplicaReport.model_validate_json(stored.content)
            except ValidationError as error:
                log.warning("the report %s cannot be read: %s", stored.path, error)
                continue
            replicas.append(Replica(report, stored.last_modified.astimezone(UTC)))
        return replicas

    def remove_old(self, now: datetime) -> None:
        """Remove reports that are older than `KEPT_FOR`.

        Raises:
            TransientError: when the store cannot be reached.
        """
        for each in self.store.list(self.server):
            if now - each.last_modified.astimezone(UTC) > KEPT_FOR:
                self.store.delete(each.path)

    def _path(self, replica: str) -> str:
        return f"{self.server}/{replica}{_SUFFIX}"


def open_replica_reports(
    environment: Environment, server: ServerRole = "production"
) -> ReplicaReports:
    """Return the reports of the environment's servers of a role."""
    return ReplicaReports(open_store(f"{environment.lake}/_servers"), server)
