"""Waits for model servers: until the reports of all live ones show what the ledger says.

A server that has not reported within its lease is silent: it is named in the log, and no longer
waited for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.ledger.events import ServerRole
from airworthy.object_store import local_folder
from airworthy.traffic.replica_report import LoadCost, ModelReport
from airworthy.traffic.replica_reports import Replica, ReplicaReports, open_replica_reports

log = logging.getLogger("airworthy.release")

# A large model may come over a slow network first.
PATIENCE_SECONDS = 180.0
# A server that has just become ready may not have reported it.
_FIRST_REPORT_SECONDS = 5.0
_LOCAL_POLL_SECONDS, _REMOTE_POLL_SECONDS = 0.1, 1.0

Condition = Callable[[ModelReport], bool]


@dataclass(frozen=True)
class Replicas:
    """The model servers of one role, as they report one model."""

    reports: ReplicaReports
    model: str
    poll_seconds: float
    patience_seconds: float = PATIENCE_SECONDS

    def live(self) -> list[Replica]:
        """Return the live servers.

        Raises:
            TransientError: when no server is live, or the reports cannot be read.
        """
        return require_live(self.reports, self.reports.read(), self.model)

    def await_loaded(self, version: str, bundle_digest: str, entry: int) -> LoadCost:
        """Wait until every live server has loaded exactly these files of a version.

        Args:
            version: The version.
            bundle_digest: The digest of its files.
            entry: The sequence number of the entry that names it.

        Returns:
            The greatest cost of any server.

        Raises:
            TerminalError: when a server cannot load it. It names server and reason.
            TransientError: when no server is live, or one does not follow in time. It names these.
        """

        def is_loaded(report: ModelReport) -> bool:
            return report.seen >= entry and report.has_loaded(version, bundle_digest)

        replicas = self._await(
            is_loaded,
            f"version {version} is loaded",
            lambda found: self._refuse(found, version, entry),
        )
        return _greatest_cost(replicas, self.model, version)

    def await_champion(self, version: str, entry: int) -> None:
        """Wait until a version answers in every live server.

        Args:
            version: The champion.
            entry: The sequence number of the entry that servers must have seen.

        Raises:
            TransientError: when no server is live, or one does not follow in time. It names these.
        """

        def answers(report: ModelReport) -> bool:
            champion = report.champion.version if report.champion else None
            return report.seen >= entry and champion == version

        self._await(answers, f"version {version} answers")

    def await_end(self, entry: int) -> None:
        """Wait until every live server has followed the end of a rollout.

        Args:
            entry: The sequence number of the entry that ends it.

        Raises:
            TransientError: when no server is live, or one does not follow in time. It names these.
        """

        def has_ended(report: ModelReport) -> bool:
            return report.seen >= entry and (report.rollout is None or report.rollout.entry > entry)

        self._await(has_ended, "the rollout has ended")

    def _await(
        self,
        condition: Condition,
        words: str,
        look: Callable[[Sequence[Replica]], None] = lambda _: None,
    ) -> list[Replica]:
        started, named = time.monotonic(), set[str]()
        while True:
            replicas, now = self.reports.read(), datetime.now(UTC)
            live = [replica for replica in replicas if replica.is_live(now)]
            look(live)
            self._name_silent(replicas, now, named)
            waited = time.monotonic() - started
            if live and all(self._meets(replica, condition) for replica in live):
                return live
            if not live and waited > _FIRST_REPORT_SECONDS:
                raise no_live_server(self.reports, self.model)
            if waited > self.patience_seconds:
                raise self._not_in_time(live, condition, words)
            time.sleep(self.poll_seconds)

    def _meets(self, replica: Replica, condition: Condition) -> bool:
        report = replica.report.models.get(self.model)
        return report is not None and condition(report)

    def _refuse(self, live: Sequence[Replica], version: str, entry: int) -> None:
        """Raise an error when a server cannot load a version."""
        for replica in live:
            report = replica.report.models.get(self.model)
            if report is None or report.seen < entry or version not in report.failed:
                continue
            raise TerminalError(
                f"version {version} cannot be loaded by the model server {replica.name}: "
                f"{report.failed[version]}",
                model=self.model,
                stage="release",
                next_step="look at the model server's log",
            )

    def _name_silent(self, replicas: Sequence[Replica], now: datetime, named: set[str]) -> None:
        """Log each server that fell silent while it was waited for, once."""
        for replica in replicas:
            if replica.is_live(now):
                named.add(replica.name)
            elif replica.name in named and replica.is_silent(now):
                named.discard(replica.name)
                log.warning("%s: %s", self.model, silent_words(replica))

    def _not_in_time(
        self, live: Sequence[Replica], condition: Condition, words: str
    ) -> TransientError:
        late = [replica.name for replica in live if not self._meets(replica, condition)]
        return TransientError(
            f"these model servers do not report that {words}: {', '.join(late)}",
            model=self.model,
            stage="release",
            received=f"no such report within {self.patience_seconds:.0f} s",
            next_step="look at their logs, then run again",
        )


def open_replicas(
    environment: Environment, model: str, server: ServerRole = "production"
) -> Replicas:
    """Return the environment's model servers of a role.

    Args:
        environment: The environment.
        model: The model.
        server: The role.
    """
    remote = local_folder(environment.lake) is None
    seconds = _REMOTE_POLL_SECONDS if remote else _LOCAL_POLL_SECONDS
    return Replicas(open_replica_reports(environment, server), model, seconds)


def staging_role(environment: Environment) -> ServerRole:
    """Return the role of the servers that check versions before they take traffic."""
    return "staging" if environment.staging_server_url else "production"


def require_live(reports: ReplicaReports, replicas: Sequence[Replica], model: str) -> list[Replica]:
    """Return the live servers of some.

    Args:
        reports: The place of the reports, for the error.
        replicas: The servers.
        model: The model, for the error.

    Raises:
        TransientError: when no server is live.
    """
    now = datetime.now(UTC)
    live = [replica for replica in replicas if replica.is_live(now)]
    if not live:
        raise no_live_server(reports, model)
    return live


def no_live_server(reports: ReplicaReports, model: str) -> TransientError:
    """Return the error for servers of which none is live."""
    return TransientError(
        "no model server reports",
        model=model,
        stage="release",
        received=f"no report within its lease below {reports.store.uri}/{reports.server}",
        allowed="at least one model server that is ready",
        next_step="start one with airworthy serve, or look at its log, then run again",
    )


def silent_words(replica: Replica) -> str:
    """Return the words about a silent server."""
    return (
        f"the model server {replica.name} has not reported since "
        f"{replica.written.isoformat(timespec='seconds')} and does not count any more"
    )


def _greatest_cost(replicas: Sequence[Replica], model: str, version: str) -> LoadCost:
    costs = [
        loaded.cost
        for replica in replicas
        for report in (replica.report.models[model],)
        for loaded in (*report.loaded, *([report.champion] if report.champion else []))
        if loaded.version == version
    ]
    return LoadCost(
        load_seconds=_greatest([cost.load_seconds for cost in costs]),
        memory_mib=_greatest([cost.memory_mib for cost in costs]),
    )


def _greatest(values: Sequence[float | None]) -> float | None:
    """Return the greatest value; None when one is missing or there are none."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None
