"""Running rollouts: the ledger's steps with a person's flags over them, and the arms' statistics.

All of this runs on the server's event loop. Only the flag file is read in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from airworthy.errors import TransientError
from airworthy.predictions.spool import Label
from airworthy.serving.flag_file import FlagContent, FlagFile
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.serving.openfeature_flags import Flags, RolloutFlags
from airworthy.serving.person_flags import with_overrides
from airworthy.serving.rollout_arms import Arm
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.serving.store_threads import StoreThreads
from airworthy.serving.version_loader import VersionLoader
from airworthy.serving.watched_champions import WatchedChampions
from airworthy.traffic.traffic_state import Rollout, ServedVersion

log = logging.getLogger(__name__)

LOCAL_POLL_SECONDS = 0.25
OBJECT_STORE_POLL_SECONDS = 1.0


class LiveRollout:
    """One model's rollout step: its flags, and its arms since the step began."""

    def __init__(
        self, model: str, rollout: Rollout, model_store: ModelStore, loader: VersionLoader
    ) -> None:
        """Start with empty arms; `flags` are set before the first request.

        Args:
            model: The model's name.
            rollout: The step.
            model_store: Has the loaded versions.
            loader: Loads the challenger.
        """
        self.model = model
        self.rollout = rollout
        self.flags: RolloutFlags
        self.overrides: dict[str, str] = {}
        self.champion = Arm(rollout.champion)
        self.challenger = Arm(rollout.challenger)
        self._model_store = model_store
        self._loader = loader

    def loaded_challenger(self) -> LoadedModel | None:
        """Return the challenger, if it is loaded."""
        return self._model_store.find(
            self.model, self.challenger.version, self.rollout.bundle_digest
        )

    def challenger_cannot_load(self) -> bool:
        """Tell whether loading the challenger failed. A challenger still loading has not failed."""
        challenger = ServedVersion(self.challenger.version, self.rollout.bundle_digest)
        return self._loader.has_failed(self.model, challenger)

    def has_predicted(self, request_id: str) -> bool:
        """Tell whether an arm of this server has answered a request in this step."""
        return self.champion.has_predicted(request_id) or self.challenger.has_predicted(request_id)

    @property
    def serves(self) -> bool:
        """Whether both versions are loaded, so that the step's flags are in effect."""
        champion = self._model_store.champion(self.model)
        is_champion = champion is not None and champion.version == self.rollout.champion
        return is_champion and self.loaded_challenger() is not None


class LiveRollouts:
    """The rollouts of all models.

    Attributes:
        watched: The champions that the guard watches after their release.
        joined: True when the server has loaded all versions with traffic for the first time.
    """

    def __init__(
        self,
        model_store: ModelStore,
        loader: VersionLoader,
        metrics: ServerMetrics,
        threads: StoreThreads,
        flags_address: str | None,
        on_change: Callable[[], None],
    ) -> None:
        """Start without rollouts.

        Args:
            model_store: Has the loaded versions.
            loader: Loads the challengers.
            metrics: Shows the rollouts and the kill switches.
            threads: The file is read there.
            flags_address: The flag file, read from `start` on. None: no person's flags.
            on_change: Called when flags or rollouts have changed.
        """
        self._model_store = model_store
        self._loader = loader
        self._metrics = metrics
        self._threads = threads
        self._file = None if flags_address is None else FlagFile(flags_address)
        self._content = FlagContent()
        self._flags = Flags()
        self.watched = WatchedChampions()
        self.joined = False
        self._live: dict[str, LiveRollout] = {}
        self._kill_switches: dict[str, bool] = {}
        self._on_change = on_change

    def follow(self, model: str, rollout: Rollout | None) -> None:
        """Set a model's step. In an unchanged step the arms keep their statistics."""
        live = self._live.get(model)
        if (live.rollout if live else None) == rollout:
            return
        if rollout is None:
            del self._live[model]
        else:
            self._live[model] = LiveRollout(model, rollout, self._model_store, self._loader)
        self._update_flags()

    @property
    def running(self) -> list[LiveRollout]:
        """The rollout steps of all models."""
        return list(self._live.values())

    def rollout_of(self, model: str) -> LiveRollout | None:
        """Return a model's rollout step."""
        return self._live.get(model)

    def rollout_for(self, champion: LoadedModel) -> LiveRollout | None:
        """Return the rollout for a request to a champion.

        A request begun before the last change of champion says nothing about the rollout.
        """
        live = self._live.get(champion.model)
        if live is None or live.rollout.champion == champion.version:
            return live
        return None

    def kill_switch_on(self, model: str) -> bool:
        """Tell whether a model's kill switch is on."""
        return self._kill_switches.get(model, False)

    def join_label(self, model: str, request_id: str, row: int, label: Label) -> bool:
        """Join a label with the predictions of both arms. Tell whether an arm had predicted it.

        Args:
            model: The model's name.
            request_id: The id of the request.
            row: The row of the request, counted from 0.
            label: The true value.
        """
        live = self._live.get(model)
        if live is None:
            return False
        # In a shadow step, both arms answer the same request.
        joined = [
            arm.join_label(request_id, row, label) for arm in (live.champion, live.challenger)
        ]
        return any(joined)

    def describe(self, champion: LoadedModel) -> dict[str, Any]:
        """Return the state of a model's rollout as JSON values. `since` is in UTC."""
        live = self.rollout_for(champion)
        rollout = live.rollout if live else None
        return {
            "model": champion.model,
            "champion": champion.version,
            "challenger": rollout.challenger if rollout else None,
            "step": rollout.step if rollout else None,
            "since": rollout.since.isoformat() if rollout else None,
            "kill_switch": self.kill_switch_on(champion.model),
            "arms": {
                "champion": (live.champion if live else Arm(champion.version)).describe(),
                "challenger": live.challenger.describe() if live else None,
            },
        }

    async def start(self) -> None:
        """Read the flag file for the first time, however long it takes until its store answers."""
        while not await self._poll():
            await self._pause()

    async def poll_flags(self) -> None:
        """Poll the flag file, until cancelled."""
        while self._file is not None:
            await self._pause()
            await self._poll()

    def close(self) -> None:
        """Release the flags."""
        self._flags.close()

    async def _pause(self) -> None:
        is_local = self._file is None or self._file.is_local
        await asyncio.sleep(LOCAL_POLL_SECONDS if is_local else OBJECT_STORE_POLL_SECONDS)

    async def _poll(self) -> bool:
        """Read the file, if it changed. Tell whether its store answered."""
        if self._file is None:
            return True
        try:
            content = await self._threads.call(self._file.read_if_changed)
            if content is not None:
                self._set_content(content)
        except Exception as error:
            # After any error the present flags stay in effect, and the next poll may succeed.
            log.warning("the flags could not be read: %s", error)
            return not isinstance(error, TransientError)
        return True

    def _set_content(self, content: FlagContent) -> None:
        for problem in content.problems:
            log.error("the last good flags hold: %s", problem)
        self._content = content
        self._update_flags()

    def _update_flags(self) -> None:
        """Bring the ledger's steps and the file's flags together."""
        effective: dict[str, dict[str, Any]] = {}
        for model in self._content.flags.keys() | self._live.keys():
            live = self._live.get(model)
            in_file = self._content.flags.get(model, {})
            rollout = live.rollout if live else None
            effective[model], overrides = with_overrides(model, rollout, in_file)
            if live is not None:
                live.overrides = overrides
        self._flags.update(effective, self._content.evaluators)
        for model, live in self._live.items():
            live.flags = self._flags.for_model(model, effective[model], live.rollout)
        self._show(effective)
        self._on_change()

    def _show(self, effective: dict[str, dict[str, Any]]) -> None:
        self._metrics.set_rollouts({model: live.rollout for model, live in self._live.items()})
        self._kill_switches = {model: self._flags.kill_switch_on(model) for model in effective}
        self._metrics.set_flags(self._kill_switches, len(self._content.problems))
