"""Running rollouts, as in the flag file: the answering versions, and the arms' statistics.

All of this runs on the server's event loop. Only the file is read in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from airworthy.predictions.spool import Label
from airworthy.release.rollout_flags import Rollout
from airworthy.serving.candidate_loader import CandidateLoader
from airworthy.serving.flag_file import FlagContent, FlagFile
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.serving.openfeature_flags import Flags, RolloutFlags
from airworthy.serving.rollout_arms import Arm
from airworthy.serving.server_metrics import ServerMetrics

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25


class LiveRollout:
    """One model's rollout: its flags, and its arms since the step began."""

    def __init__(self, model: str, flags: RolloutFlags, loader: CandidateLoader) -> None:
        """Start with empty arms.

        Args:
            model: The model's name.
            flags: The model's flags.
            loader: Loads the challenger.
        """
        self.model = model
        self.flags = flags
        self.champion = Arm(flags.rollout.champion)
        self.challenger = Arm(flags.rollout.challenger)
        self._loader = loader

    @property
    def rollout(self) -> Rollout:
        """The rollout step."""
        return self.flags.rollout

    def loaded_challenger(self) -> LoadedModel | None:
        """Return the challenger, if it is loaded."""
        return self._loader.loaded(self.model, self.challenger.version)

    def challenger_cannot_load(self) -> bool:
        """Tell whether loading the challenger failed. A challenger still loading has not failed."""
        return self._loader.failed(self.model, self.challenger.version)


class LiveRollouts:
    """The rollouts of all models."""

    def __init__(self, model_store: ModelStore, metrics: ServerMetrics, path: Path | None) -> None:
        """Start without rollouts.

        Args:
            model_store: Loads the challengers.
            metrics: Shows the rollouts and the kill switches.
            path: The flag file, read from `start` on. None: no rollouts.
        """
        self._model_store = model_store
        self._metrics = metrics
        self._file = None if path is None else FlagFile(path)
        self._flags = Flags()
        self._loader = CandidateLoader(model_store)
        self._live: dict[str, LiveRollout] = {}
        self._ended: dict[str, Rollout] = {}

    def rollout_for(self, champion: LoadedModel) -> LiveRollout | None:
        """Return the rollout for a request to a champion."""
        live = self._live.get(champion.model)
        if live is None or live.rollout.champion == champion.version:
            return live
        # A request begun before the last swap says nothing about the rollout.
        if champion is self._model_store.loaded_champion(champion.model):
            self._end(live, champion)
        return None

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
            "kill_switch": self._flags.kill_switch_on(champion.model),
            "arms": {
                "champion": (live.champion if live else Arm(champion.version)).describe(),
                "challenger": live.challenger.describe() if live else None,
            },
        }

    async def start(self) -> None:
        """Read the flags, and try to load the versions named by them."""
        await self._poll()
        await self._loader.reconcile()

    async def poll_flags(self) -> None:
        """Poll the flag file, until cancelled."""
        while self._file is not None:
            await asyncio.sleep(POLL_SECONDS)
            await self._poll()
            self._loader.reconcile()

    async def close(self) -> None:
        """Stop loading and release the flags."""
        await self._loader.close()
        self._flags.close()

    async def _poll(self) -> None:
        if self._file is None:
            return
        try:
            content = await asyncio.to_thread(self._file.read_if_changed)
            if content is not None:
                self._update(content)
        except Exception:
            # After any error the present flags stay in effect, and the next poll may succeed.
            log.exception("the flags could not be read")

    def _update(self, content: FlagContent) -> None:
        for problem in content.problems:
            log.error("the last good flags hold: %s", problem)
        self._flags.update(content)
        rollouts = [self._running_rollout(model, content) for model in content.rollouts]
        self._live = {live.model: live for live in rollouts if live is not None}
        for model in content.rollouts:
            champion = self._model_store.loaded_champion(model)
            if champion is not None:
                self.rollout_for(champion)
        self._rollouts_changed()
        kill_switches = {model: self._flags.kill_switch_on(model) for model in content.flags}
        self._metrics.set_flags(kill_switches, len(content.problems))

    def _running_rollout(self, model: str, content: FlagContent) -> LiveRollout | None:
        """Return a model's rollout. In an unchanged step the live rollout keeps its arms."""
        flags = self._flags.for_model(model, content)
        if self._ended.get(model) == flags.rollout:
            return None
        live = self._live.get(model)
        if live is None or live.rollout != flags.rollout:
            return LiveRollout(model, flags, self._loader)
        live.flags = flags
        return live

    def _end(self, live: LiveRollout, champion: LoadedModel) -> None:
        """End a rollout against a former champion.

        It stays ended until the flags name another rollout. The former champion may return, but
        nobody has decided to give traffic to the old challenger again.
        """
        rollout = self._ended[live.model] = live.rollout
        del self._live[live.model]
        self._rollouts_changed()
        # A challenger that became champion is the regular end of a rollout.
        log.log(
            logging.INFO if champion.version == rollout.challenger else logging.WARNING,
            "%s: the rollout of version %s is over: flags name version %s as champion, "
            "it is version %s",
            live.model,
            rollout.challenger,
            rollout.champion,
            champion.version,
        )

    def _rollouts_changed(self) -> None:
        self._loader.require(
            {(model, live.challenger.version) for model, live in self._live.items()}
        )
        self._metrics.set_rollouts({model: live.rollout for model, live in self._live.items()})
