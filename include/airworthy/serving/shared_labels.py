"""Labels of predictions that another replica made: passed on while a rollout step is on.

The label was logged before. Here it is on its way to the arm that predicted, for the guard. A store
out of reach delays it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airworthy.predictions.prediction_ids import creation_time, split_prediction_id
from airworthy.serving.live_rollouts import LiveRollout, LiveRollouts
from airworthy.serving.store_threads import StoreThreads
from airworthy.traffic.label_exchange import MAX_BATCH, LabelExchange, SentLabel, Step

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
MAX_WAITING = 50_000
# Clocks of machines differ.
_MAX_SKEW = timedelta(minutes=1)


@dataclass
class _StepLabels:
    """The labels of one step on their way: to others, and from their batches that were read."""

    step: Step
    waiting: deque[SentLabel] = field(default_factory=lambda: deque(maxlen=MAX_WAITING))
    written: int = 0
    seen: set[str] = field(default_factory=set)


class SharedLabels:
    """Passes labels on to other replicas, and joins theirs.

    All of this runs on the server's event loop. The store is used in threads.
    """

    def __init__(
        self, exchange: LabelExchange, threads: StoreThreads, rollouts: LiveRollouts
    ) -> None:
        """Start with none.

        Args:
            exchange: The place of the labels.
            threads: The store is used there.
            rollouts: The rollouts of all models.
        """
        self._exchange = exchange
        self._threads = threads
        self._rollouts = rollouts
        self._steps: dict[str, _StepLabels] = {}
        self._over: list[Step] = []
        self._failed = False

    def offer(self, model: str, labels: list[SentLabel]) -> None:
        """Pass labels on that no arm of this replica has joined.

        Labels of predictions from before the step, and second labels, go nowhere.

        Args:
            model: The model's name.
            labels: The labels.
        """
        live = self._rollouts.rollout_of(model)
        if live is None:
            return
        strange = [sent for sent in labels if _is_of_another_replica(live, sent[0])]
        self._labels_of(live).waiting.extend(strange)

    async def run(self) -> None:
        """Write and read each second, until cancelled. Each replica does so at another moment."""
        await self._all_of([self._threads.call(self._exchange.remove_old, datetime.now(UTC))])
        while True:
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
            self._follow_steps()
            await self._all_of([*map(self._pass_on, self._steps.values()), self._remove_over()])

    async def _all_of(self, calls: list[Coroutine[Any, Any, None]]) -> None:
        """Make calls of the store. A failure is logged once: the next look tries again."""
        results = await asyncio.gather(*calls, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures and not self._failed:
            log.warning("labels wait to be passed on to other replicas: %s", failures[0])
        self._failed = bool(failures)

    def _follow_steps(self) -> None:
        running = {live.model: live for live in self._rollouts.running}
        for live in running.values():
            self._labels_of(live)
        for model in self._steps.keys() - running.keys():
            self._over.append(self._steps.pop(model).step)

    def _labels_of(self, live: LiveRollout) -> _StepLabels:
        step = Step(live.model, live.rollout.entry)
        labels = self._steps.get(live.model)
        if labels is None or labels.step != step:
            if labels is not None:
                self._over.append(labels.step)
            labels = self._steps[live.model] = _StepLabels(step)
        return labels

    async def _pass_on(self, labels: _StepLabels) -> None:
        await self._write(labels)
        paths = await self._threads.call(self._exchange.batches, labels.step)
        for path in paths:
            if path not in labels.seen:
                self._join(labels.step, await self._threads.call(self._exchange.read, path))
                labels.seen.add(path)
        labels.seen.intersection_update(paths)

    async def _write(self, labels: _StepLabels) -> None:
        count = min(MAX_BATCH, len(labels.waiting))
        batch = [labels.waiting.popleft() for _ in range(count)]
        if not batch:
            return
        number, labels.written = labels.written, labels.written + 1
        try:
            await self._threads.call(self._exchange.write, labels.step, number, batch)
        except BaseException:
            # It may be written all the same. A label that arrives twice counts once.
            labels.waiting.extendleft(reversed(batch))
            raise

    def _join(self, step: Step, batch: list[SentLabel]) -> None:
        live = self._rollouts.rollout_of(step.model)
        if live is None or live.rollout.entry != step.entry:
            return
        for prediction_id, label in batch:
            self._rollouts.join_label(step.model, *split_prediction_id(prediction_id), label)

    async def _remove_over(self) -> None:
        while self._over:
            await self._threads.call(self._exchange.remove_until, self._over[0])
            self._over.pop(0)


def _is_of_another_replica(live: LiveRollout, prediction_id: str) -> bool:
    request_id, _ = split_prediction_id(prediction_id)
    created = creation_time(request_id)
    in_step = created is not None and created >= live.rollout.since - _MAX_SKEW
    return in_step and not live.has_predicted(request_id)
