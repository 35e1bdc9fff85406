"""Reports what the server serves, in a place of its own: at once after a change, and at times."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from airworthy.errors import AirworthyError
from airworthy.serving.alias_watch import AliasWatch
from airworthy.serving.contract_counts import ContractCounts
from airworthy.serving.live_rollouts import LiveRollouts
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.serving.record_follower import RecordFollower
from airworthy.serving.record_reader import Following
from airworthy.serving.store_threads import StoreThreads
from airworthy.serving.version_loader import VersionLoader
from airworthy.traffic.replica_report import (
    ClientsReport,
    LoadCost,
    LoadedVersion,
    ModelReport,
    ReplicaReport,
    RolloutReport,
)

log = logging.getLogger(__name__)

_ROLLOUT_SECONDS = 1.0


def replica_name() -> str:
    """Return a name that no other process has: the host, the process and a random part."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class ReplicaReporter:
    """Writes this server's report.

    Attributes:
        replica: The server's name.
        ready: True when the server may get requests.
        describe_clients: Returns who may ask the server, or None.
    """

    def __init__(  # noqa: PLR0913 - the parts of one server
        self,
        following: Following,
        threads: StoreThreads,
        follower: RecordFollower,
        loader: VersionLoader,
        model_store: ModelStore,
        rollouts: LiveRollouts,
        contracts: ContractCounts,
        aliases: AliasWatch,
    ) -> None:
        """Keep the parts to report on.

        Args:
            following: Has the place of the reports.
            threads: Reports are written there.
            follower: Has the traffic.
            loader: Has the failures.
            model_store: Has the loaded versions.
            rollouts: Has the steps and the flags.
            contracts: Has the counts of rows outside their contract.
            aliases: Has the moved aliases.
        """
        self.replica = replica_name()
        self.ready = False
        self.describe_clients: Callable[[], ClientsReport] | None = None
        self._reports = following.reports
        self._role = following.role
        self._lease = following.settings.lease.total_seconds()
        self._threads = threads
        self._follower = follower
        self._loader = loader
        self._model_store = model_store
        self._rollouts = rollouts
        self._contracts = contracts
        self._aliases = aliases
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()
        self._failed = False
        self._stopped = False

    def changed(self) -> None:
        """Have a report written at once."""
        self._changed.set()

    async def start(self) -> None:
        """Write the first report of a ready server, and remove old ones of others."""
        self.ready = True
        await self.write()
        if self._reports is not None:
            try:
                await self._threads.call(self._reports.remove_old, datetime.now(UTC))
            except AirworthyError as error:
                log.warning("old reports of servers stay: %s", error.problem)

    async def run(self) -> None:
        """Write reports until `stop`; the last one says that the server ended by itself."""
        while not self._stopped and self._reports is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._pause())
            await self.write()

    def stop(self) -> None:
        """Have the last report written."""
        self._stopped = True
        self._changed.set()

    async def write(self) -> None:
        """Write a report. A store out of reach is logged once, and tried again later."""
        if self._reports is None:
            return
        # An older report never replaces a newer one.
        async with self._writing:
            self._changed.clear()
            try:
                await self._threads.call(self._reports.write, self.report())
                self._failed = False
            except Exception as error:
                if not self._failed:
                    problem = getattr(error, "problem", error)
                    log.warning("the server's report cannot be written: %s", problem)
                self._failed = True

    def _pause(self) -> float:
        in_rollout = any(
            self._rollouts.rollout_of(model) is not None for model in self._follower.models
        )
        return _ROLLOUT_SECONDS if in_rollout or self._failed else self._lease / 5

    def report(self) -> ReplicaReport:
        """Return the report of this moment."""
        return ReplicaReport(
            replica=self.replica,
            server=self._role,
            host=socket.gethostname(),
            ready=self.ready,
            stopped=self._stopped,
            lease_seconds=self._lease,
            record_seen=self._follower.seen,
            models={model: self._model(model) for model in self._follower.models},
            clients=self.describe_clients() if self.describe_clients else None,
        )

    def _model(self, model: str) -> ModelReport:
        traffic = self._follower.traffic(model)
        champion = self._model_store.champion(model)
        watched = self._rollouts.watched.of(model)
        return ModelReport(
            seen=traffic.seen if traffic else 0,
            champion=_loaded_version(champion) if champion else None,
            loaded=[_loaded_version(each) for each in self._model_store.candidates(model)],
            failed=self._loader.failed(model),
            kill_switch=self._rollouts.kill_switch_on(model),
            rollout=self._rollout(model),
            watch=watched.report() if watched else None,
            contract=self._contracts.report(model),
            moved_aliases=self._aliases.of(model),
        )

    def _rollout(self, model: str) -> RolloutReport | None:
        live = self._rollouts.rollout_of(model)
        if live is None:
            return None
        return RolloutReport(
            entry=live.rollout.entry,
            step=live.rollout.step,
            serves=live.serves,
            overrides=live.overrides,
            champion=live.champion.report(),
            challenger=live.challenger.report(),
        )


def _loaded_version(loaded: LoadedModel) -> LoadedVersion:
    cost = LoadCost(load_seconds=loaded.load_seconds, memory_mib=loaded.memory_mib)
    return LoadedVersion(version=loaded.version, bundle_digest=loaded.digest, cost=cost)
