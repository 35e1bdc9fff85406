"""Scores requests, with the champion or, in a rollout, with the arm of the targeting key."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, NamedTuple

from airworthy.predictions.prediction_ids import new_request_id
from airworthy.predictions.spool import PredictionLog
from airworthy.protocol.contract_check import OutOfContractError
from airworthy.protocol.refusals import NotComputableError, RefusedError
from airworthy.serving.client_access import NOBODY, Client
from airworthy.serving.contract_counts import ContractCounts
from airworthy.serving.live_rollouts import LiveRollout, LiveRollouts
from airworthy.serving.loaded_model import JudgedAnswer, Limits, LoadedModel
from airworthy.serving.micro_batcher import MicroBatcher
from airworthy.serving.rollout_arms import CHALLENGER, CHAMPION, SHADOW
from airworthy.serving.scoring_process import ScoringProcess
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.serving.shadow_queue import Shadow, ShadowQueue

log = logging.getLogger(__name__)

# More of them would only wait for each other, and the event loop for all.
_THREADS = max(2, min(4, os.cpu_count() or 1))


class ScoredAnswer(NamedTuple):
    """A version's answer. `shadow` is queued after the answer is sent."""

    id: str
    loaded: LoadedModel
    arm: str
    predictions: list[Any]
    shadow: Shadow | None = None


class Scorer:
    """Turns requests' bodies into predictions, and logs each answer before it is sent."""

    def __init__(
        self,
        rollouts: LiveRollouts,
        contracts: ContractCounts,
        metrics: ServerMetrics,
        limits: Limits,
        prediction_log: PredictionLog | None,
        process: ScoringProcess,
    ) -> None:
        """Keep the parts shared by requests.

        Args:
            rollouts: The rollouts of all models.
            contracts: Counts rows outside their contract.
            metrics: Counts shadows and challengers' failures.
            limits: The limits of one request.
            prediction_log: Logs every answer. None: no log.
            process: Scores the largest bodies.
        """
        self.shadows = ShadowQueue(self._predict_shadow, metrics, limits.inline_bytes)
        self._rollouts = rollouts
        self._contracts = contracts
        self._metrics = metrics
        self._limits = limits
        self._log = prediction_log
        self._micro_batcher = MicroBatcher()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="score")
        self._process = process

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def predict(self, loaded: LoadedModel, body: bytes) -> list[Any]:
        """Return one prediction per row of a body, by one version. No contract is asked.

        Raises:
            RefusedError: when the body is malformed. It names the fault.
        """
        if len(body) <= self._limits.inline_bytes:
            return await self._micro_batcher.predict(loaded, loaded.read(body, self._limits))
        return (await self._predict_elsewhere(loaded, body, judged=False)).predictions

    async def predict_judged(self, loaded: LoadedModel, body: bytes) -> list[Any]:
        """Return one prediction per row of a client's body, by one version under its contract.

        Raises:
            RefusedError: when the body is malformed. It names the fault.
            OutOfContractError: when a row is outside the contract, and the contract refuses.
        """
        if len(body) > self._limits.inline_bytes:
            judged = await self._predict_elsewhere(loaded, body, judged=True)
            self._contracts.add(loaded, judged.rows, judged.outside)
            return judged.predictions
        columns = loaded.read(body, self._limits)
        outside = loaded.contract.outside(columns) if loaded.contract else None
        if outside is not None and outside.refusal is not None:
            self._contracts.add(loaded, len(columns[0]), outside)
        predictions = await self._micro_batcher.predict(loaded, columns)
        self._contracts.add(loaded, len(columns[0]), outside)
        return predictions

    async def _predict_elsewhere(
        self, loaded: LoadedModel, body: bytes, *, judged: bool
    ) -> JudgedAnswer:
        """Return the answer to a larger body, by a thread or by the process for large ones."""
        if len(body) > self._limits.process_bytes:
            return await self._process.predict(loaded, body, self._limits, judged=judged)
        score = loaded.predict_judged if judged else loaded.score
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, score, body, self._limits)

    async def answer(
        self,
        champion: LoadedModel,
        body: bytes,
        key: str,
        started: float,
        client: Client = NOBODY,
    ) -> ScoredAnswer:
        """Return the answer to a public request, by the champion or the challenger.

        Args:
            champion: The model's champion at the request's start.
            body: The request's body.
            key: The client's targeting key. When it is empty, a digest of the body is the key.
            started: `time.perf_counter` at the request's head, in seconds.
            client: The sender.

        Raises:
            RefusedError: when the body is malformed. It names the fault.
        """
        request_id = new_request_id(client.keys[0] if client.keys else None)
        live = self._rollouts.rollout_for(champion)
        if live is None:
            predictions = await self._predict_with_champion(None, champion, body, client.name)
            self._record_champion(None, champion, request_id, predictions, started, client.name)
            answer = ScoredAnswer(request_id, champion, CHAMPION, predictions)
        else:
            key = key or await self._digest(body)
            answer = await self._answer_in_rollout(
                live, champion, request_id, body, key, started, client.name
            )
        await self._record(answer, body, key)
        return answer

    async def _digest(self, body: bytes) -> str:
        if len(body) > self._limits.process_bytes:
            return await asyncio.to_thread(_digest_of, body)
        return _digest_of(body)

    async def _answer_in_rollout(  # noqa: PLR0913 - the parts of one request
        self,
        live: LiveRollout,
        champion: LoadedModel,
        request_id: str,
        body: bytes,
        key: str,
        started: float,
        client: str,
    ) -> ScoredAnswer:
        challenger = live.loaded_challenger()
        failed = False
        if live.flags.challenger_answers(key):
            failed = live.challenger_cannot_load()
            if challenger is not None:
                predictions = await self._ask_challenger(challenger, body)
                if predictions is not None:
                    live.challenger.record_answer(
                        request_id, challenger, predictions, perf_counter() - started, client
                    )
                    return ScoredAnswer(request_id, challenger, CHALLENGER, predictions)
                failed = True
            elif not failed and not self._rollouts.joined:
                raise _still_joining(challenger_version=live.challenger.version)
        predictions = await self._predict_with_champion(live, champion, body, client)
        if failed:
            # Counted only now: a request refused by the champion too is the client's fault.
            self._record_challenger_failure(live, client)
            return ScoredAnswer(request_id, champion, CHAMPION, predictions)
        self._record_champion(live, champion, request_id, predictions, started, client)
        shadow = None
        if live.flags.challenger_shadows(key):
            if challenger is not None:
                shadow = Shadow(live, challenger, request_id, key, body, client)
            elif live.challenger_cannot_load():
                self._record_challenger_failure(live, client)
        return ScoredAnswer(request_id, champion, CHAMPION, predictions, shadow)

    async def _ask_challenger(self, challenger: LoadedModel, body: bytes) -> list[Any] | None:
        """Return a challenger's answer to a client; None when it failed.

        Raises:
            OutOfContractError: by the challenger's contract. The version that answers judges. The
                row is the client's fault, so it is no error of the challenger.
        """
        try:
            return await self.predict_judged(challenger, body)
        except OutOfContractError:
            raise
        except Exception as error:
            _log_failure(challenger, error)
            return None

    async def _ask_shadow(self, challenger: LoadedModel, body: bytes) -> list[Any] | None:
        """Return a challenger's prediction of a request that was answered; None when it failed.

        No client gets it, so its contract is not asked.
        """
        try:
            return await self.predict(challenger, body)
        except Exception as error:
            _log_failure(challenger, error)
            return None

    async def _predict_with_champion(
        self, live: LiveRollout | None, champion: LoadedModel, body: bytes, client: str
    ) -> list[Any]:
        try:
            return await self.predict_judged(champion, body)
        except RefusedError as refused:
            if isinstance(refused, NotComputableError):
                self._record_refusal(live, champion, client)
            raise
        except Exception:
            for arm in (
                live.champion if live else None,
                self._rollouts.watched.for_request(champion),
            ):
                if arm is not None:
                    arm.record_failure(client)
            raise

    def _record_refusal(self, live: LiveRollout | None, champion: LoadedModel, client: str) -> None:
        """Record a well-formed request that the champion's features cannot take.

        In a rollout step it is the client's fault, for both versions were asked. In a watch there
        is no second version: it counts as a failure, beyond the share that was usual before.
        """
        if live is not None:
            live.champion.refused += 1
        watched = self._rollouts.watched.for_request(champion)
        if watched is not None:
            watched.record_failure(client)

    def _record_champion(
        self,
        live: LiveRollout | None,
        champion: LoadedModel,
        request_id: str,
        predictions: list[Any],
        started: float,
        client: str,
    ) -> None:
        """Record a champion's answer in the present step, and in its watch."""
        for arm in (live.champion if live else None, self._rollouts.watched.for_request(champion)):
            if arm is not None:
                seconds = perf_counter() - started
                arm.record_answer(request_id, champion, predictions, seconds, client)

    async def _predict_shadow(self, shadow: Shadow) -> None:
        started = perf_counter()
        predictions = await self._ask_shadow(shadow.challenger, shadow.body)
        if predictions is None:
            self._record_challenger_failure(shadow.live, shadow.client)
            return
        answer = ScoredAnswer(shadow.request_id, shadow.challenger, SHADOW, predictions)
        shadow.live.challenger.record_answer(
            answer.id, answer.loaded, predictions, perf_counter() - started, shadow.client
        )
        self._metrics.record_request(answer.loaded, SHADOW, 200, predictions, started)
        await self._record(answer, shadow.body, shadow.key)

    def _record_challenger_failure(self, live: LiveRollout, client: str) -> None:
        live.challenger.record_failure(client)
        self._metrics.record_challenger_failure(live.model, live.challenger.version)

    async def _record(self, answer: ScoredAnswer, body: bytes, key: str) -> None:
        if self._log is None:
            return
        loaded = answer.loaded
        record = (
            answer.id,
            loaded.model,
            loaded.version,
            answer.arm,
            key,
            body,
            answer.predictions,
            loaded.bundle.manifest,
        )
        if len(body) > self._limits.process_bytes:
            await asyncio.to_thread(self._log.record, *record)
        else:
            self._log.record(*record)


def _digest_of(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _log_failure(challenger: LoadedModel, error: Exception) -> None:
    log.info("%s: version %s did not answer: %s", challenger.model, challenger.version, error)


def _still_joining(challenger_version: str) -> RefusedError:
    """Return the refusal of a server that starts during a rollout.

    The champion's answer would take the key out of its arm.
    """
    return RefusedError(
        503,
        "this server has just started, and loads a version under rollout",
        received=f"a targeting key of version {challenger_version}",
        next_step="ask another server, or again in a moment",
    )
