"""LiveRollouts under way, as the flag file says: who answers what, and what the arms did.

All of this runs on the server's event loop, but for reading the file.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from airworthy.predictions.spool import Label
from airworthy.release.rollout_flags import Rollout
from airworthy.serving.candidate_loader import CandidateLoader
from airworthy.serving.flag_file import Content, FlagFile
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.serving.openfeature_flags import Flags, RolloutFlags
from airworthy.serving.rollout_arms import Arm
from airworthy.serving.server_metrics import Metrics

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25


class LiveRollout:
    """One model's rollout: its flags, and its arms since the step began."""

    def __init__(self, model: str, flags: RolloutFlags, versions: CandidateLoader) -> None:
        """Start with arms that did nothing yet."""
        self.model = model
        self.flags = flags
        self.champion = Arm(flags.rollout.champion)
        self.challenger = Arm(flags.rollout.challenger)
        self._versions = versions

    @property
    def rollout(self) -> Rollout:
        """The step."""
        return self.flags.rollout

    def loaded_challenger(self) -> LoadedModel | None:
        """Return the challenger, if it is loaded."""
        return self._versions.loaded(self.model, self.challenger.version)

    def challenger_cannot_load(self) -> bool:
        """Tell whether the challenger could not be loaded: not being ready yet is no fault of it."""
        return self._versions.failed(self.model, self.challenger.version)


class LiveRollouts:
    """The rollouts of all models."""

    def __init__(self, fleet: ModelStore, metrics: Metrics, path: Path | None) -> None:
        """Start without any; with `path`, the flag file is read from `start` on."""
        self._fleet = fleet
        self._metrics = metrics
        self._file = None if path is None else FlagFile(path)
        self._flags = Flags()
        self._versions = CandidateLoader(fleet)
        self._live: dict[str, LiveRollout] = {}
        self._over: dict[str, Rollout] = {}

    def of(self, champion: LoadedModel) -> LiveRollout | None:
        """Return the rollout that concerns a request which a champion is about to answer."""
        live = self._live.get(champion.model)
        if live is None or live.rollout.champion == champion.version:
            return live
        # A request that started before the last swap says nothing of the rollout.
        if champion is self._fleet.serving(champion.model):
            self._end(live, champion)
        return None

    def join(self, model: str, request_id: str, row: int, label: Label) -> bool:
        """Count a label for the arms that predicted it and tell whether there was one."""
        live = self._live.get(model)
        if live is None:
            return False
        # In a shadow, both answered the same request.
        joined = [arm.join(request_id, row, label) for arm in (live.champion, live.challenger)]
        return any(joined)

    def describe(self, champion: LoadedModel) -> dict[str, Any]:
        """Return what a model's rollout is at; `since` is in UTC, and what does not apply is null."""
        live = self.of(champion)
        rollout = live.rollout if live else None
        return {
            "model": champion.model,
            "champion": champion.version,
            "challenger": rollout.challenger if rollout else None,
            "step": rollout.step if rollout else None,
            "since": rollout.since.isoformat() if rollout else None,
            "kill_switch": self._flags.killed(champion.model),
            "arms": {
                "champion": (live.champion if live else Arm(champion.version)).describe(),
                "challenger": live.challenger.describe() if live else None,
            },
        }

    async def start(self) -> None:
        """Read the flags, and load the versions that they name or find out that they cannot be loaded."""
        await self._look()
        await self._versions.tend()

    async def watch(self) -> None:
        """Look at the file again and again, until cancelled."""
        while self._file is not None:
            await asyncio.sleep(POLL_SECONDS)
            await self._look()
            self._versions.tend()

    async def close(self) -> None:
        """Let go of what belongs to the rollouts."""
        await self._versions.close()
        self._flags.close()

    async def _look(self) -> None:
        if self._file is None:
            return
        try:
            content = await asyncio.to_thread(self._file.read_if_changed)
            if content is not None:
                self._take(content)
        except Exception:
            # Whatever it is: the flags that hold go on holding, and the next look may succeed.
            log.exception("the flags could not be looked at")

    def _take(self, content: Content) -> None:
        for problem in content.problems:
            log.error("the last good flags hold: %s", problem)
        self._flags.take(content)
        continued = [self._continued(model, content) for model in content.rollouts]
        self._live = {live.model: live for live in continued if live is not None}
        for model in content.rollouts:
            champion = self._fleet.serving(model)
            if champion is not None:
                self.of(champion)
        self._changed()
        killed = {model: self._flags.killed(model) for model in content.flags}
        self._metrics.flags_taken(killed, len(content.problems))

    def _continued(self, model: str, content: Content) -> LiveRollout | None:
        """Return a model's rollout: the one under way, with its arms, when it is still in the same step."""
        flags = self._flags.of(model, content)
        if self._over.get(model) == flags.rollout:
            return None
        live = self._live.get(model)
        if live is None or live.rollout != flags.rollout:
            return LiveRollout(model, flags, self._versions)
        live.flags = flags
        return live

    def _end(self, live: LiveRollout, champion: LoadedModel) -> None:
        """Forget a rollout against a version that is champion no more.

        It stays forgotten until the flags say another one: should its champion come back, nobody has decided that
        the challenger of then is to have traffic.
        """
        rollout = self._over[live.model] = live.rollout
        del self._live[live.model]
        self._changed()
        # A challenger that has become champion is how a rollout should end.
        log.log(
            logging.INFO if champion.version == rollout.challenger else logging.WARNING,
            "%s: the rollout of version %s is over: flags name version %s as champion, it is version %s",
            live.model,
            rollout.challenger,
            rollout.champion,
            champion.version,
        )

    def _changed(self) -> None:
        self._versions.want(
            {(model, live.challenger.version) for model, live in self._live.items()}
        )
        self._metrics.rollouts({model: live.rollout for model, live in self._live.items()})
