"""Who answers a scoring request: the champion, or in a rollout the arm that its targeting key belongs to."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from time import perf_counter
from typing import Any, NamedTuple

from airworthy.predictions.prediction_ids import new_request_id
from airworthy.predictions.spool import PredictionLog
from airworthy.protocol.refusals import RefusedError
from airworthy.serving.live_rollouts import LiveRollout, LiveRollouts
from airworthy.serving.loaded_model import Limits, LoadedModel
from airworthy.serving.micro_batcher import MicroBatcher
from airworthy.serving.rollout_arms import CHALLENGER, CHAMPION, SHADOW
from airworthy.serving.server_metrics import Metrics
from airworthy.serving.shadow_queue import Shadow, ShadowQueue

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a version answered; `shadow` is to be asked once the answer is out."""

    id: str
    loaded: LoadedModel
    arm: str
    predictions: list[Any]
    shadow: Shadow | None = None


class Scoring:
    """Answers bodies with predictions, and logs each answer before it leaves."""

    def __init__(
        self,
        rollouts: LiveRollouts,
        metrics: Metrics,
        limits: Limits,
        prediction_log: PredictionLog | None,
    ) -> None:
        """Keep what requests share."""
        self.shadows = ShadowQueue(self._ask_shadow, metrics, limits.inline_bytes)
        self._rollouts = rollouts
        self._metrics = metrics
        self._limits = limits
        self._log = prediction_log
        self._together = MicroBatcher()

    async def predict(self, loaded: LoadedModel, body: bytes) -> list[Any]:
        """Return one prediction per row of a body, by one version.

        Raises:
            RefusedError: when the body is malformed, naming what is wrong.
        """
        if len(body) <= self._limits.inline_bytes:
            return await self._together.predict(loaded, loaded.read(body, self._limits))
        return await asyncio.to_thread(loaded.predict, body, self._limits)

    async def answer(self, champion: LoadedModel, body: bytes, key: str, started: float) -> Answer:
        """Return a version's answer to everybody's request.

        Args:
            champion: The model's champion as the request found it.
            body: The request's body.
            key: The targeting key that the client gave; empty when it gave none: then the body is the key.
            started: `time.perf_counter` at the request's head, in seconds.

        Raises:
            RefusedError: when the body is malformed, naming what is wrong.
        """
        request_id = new_request_id()
        live = self._rollouts.of(champion)
        if live is None:
            answer = Answer(request_id, champion, CHAMPION, await self.predict(champion, body))
        else:
            key = key or hashlib.blake2b(body, digest_size=16).hexdigest()
            answer = await self._in_rollout(live, champion, request_id, body, key, started)
        self._record(answer, body, key)
        return answer

    async def _in_rollout(
        self,
        live: LiveRollout,
        champion: LoadedModel,
        request_id: str,
        body: bytes,
        key: str,
        started: float,
    ) -> Answer:
        challenger = live.loaded_challenger()
        failed = False
        if live.flags.challenger_answers(key):
            failed = live.challenger_cannot_load()
            if challenger is not None:
                predictions = await self._try(challenger, body)
                if predictions is not None:
                    live.challenger.answered(
                        request_id, challenger, predictions, perf_counter() - started
                    )
                    return Answer(request_id, challenger, CHALLENGER, predictions)
                failed = True
        predictions = await self._by_champion(live, champion, body)
        if failed:
            # Counted only now: what the champion refuses as well is the client's fault.
            self._challenger_failed(live)
            return Answer(request_id, champion, CHAMPION, predictions)
        live.champion.answered(request_id, champion, predictions, perf_counter() - started)
        shadow = None
        if live.flags.challenger_shadows(key):
            if challenger is not None:
                shadow = Shadow(live, challenger, request_id, key, body)
            elif live.challenger_cannot_load():
                self._challenger_failed(live)
        return Answer(request_id, champion, CHAMPION, predictions, shadow)

    async def _try(self, challenger: LoadedModel, body: bytes) -> list[Any] | None:
        try:
            return await self.predict(challenger, body)
        except Exception as error:
            log.info(
                "%s: version %s did not answer: %s", challenger.model, challenger.version, error
            )
            return None

    async def _by_champion(
        self, live: LiveRollout, champion: LoadedModel, body: bytes
    ) -> list[Any]:
        try:
            return await self.predict(champion, body)
        except RefusedError:
            raise
        except Exception:
            live.champion.failed()
            raise

    async def _ask_shadow(self, shadow: Shadow) -> None:
        started = perf_counter()
        predictions = await self._try(shadow.challenger, shadow.body)
        if predictions is None:
            self._challenger_failed(shadow.live)
            return
        answer = Answer(shadow.request_id, shadow.challenger, SHADOW, predictions)
        shadow.live.challenger.answered(
            answer.id, answer.loaded, predictions, perf_counter() - started
        )
        self._metrics.answered(answer.loaded, SHADOW, 200, predictions, started)
        self._record(answer, shadow.body, shadow.key)

    def _challenger_failed(self, live: LiveRollout) -> None:
        live.challenger.failed()
        self._metrics.challenger_failed(live.model, live.challenger.version)

    def _record(self, answer: Answer, body: bytes, key: str) -> None:
        if self._log is not None:
            loaded = answer.loaded
            self._log.record(
                answer.id,
                loaded.model,
                loaded.version,
                answer.arm,
                key,
                body,
                answer.predictions,
                loaded.bundle.manifest,
            )
