"""Labels of predictions that another replica made: passed on in a rollout step and in a watch.

The label was logged before. Here it is on its way to the arm that predicted, for the guard. A store
out of reach delays it. A watch lasts long, and its labels are passed on less often.
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
from airworthy.serving.live_rollouts import LiveRollouts
from airworthy.serving.store_threads import StoreThreads
from airworthy.traffic.label_exchange import MAX_BATCH, LabelExchange, SentLabel, Step

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
WATCH_LOOKS = 10  # Each so many looks, those of a watch are passed on.
MAX_WAITING = 50_000
# Clocks of machines differ.
_MAX_SKEW = timedelta(minutes=1)


@dataclass
class _StepLabels:
    """The labels of one step on their way: to others, and from their batches that were read.

    Attributes:
        step: The step, or the watch.
        since: Its start, UTC.
        is_watch: True for a watch.
        waiting: Labels to pass on.
        written: The number of batches written.
        seen: The batches of others that were read.
    """

    step: Step
    since: datetime
    is_watch: bool
    waiting: deque[SentLabel] = field(default_factory=lambda: deque(maxlen=MAX_WAITING))
    written: int = 0
    seen: set[str] = field(default_factory=set)


class SharedLabels:
    """Passes labels on to other replicas, and joins theirs.

    All of this runs on the server's event loop. The store is used in threads.
    """

    def __init__(
        self,
        exchange: LabelExchange,
        threads: StoreThreads,
        rollouts: LiveRollouts,
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
        self._looks = 0
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
        present = self._labels_of(model)
        if present is None:
            return
        strange = [sent for sent in labels if self._is_of_another_replica(present, sent[0])]
        present.waiting.extend(strange)

    async def run(self) -> None:
        """Write and read each second, until cancelled. Each replica does so at another moment."""
        await self._all_of([self._threads.call(self._exchange.remove_old, datetime.now(UTC))])
        while True:
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
            self._follow_steps()
            due = [
                labels
                for labels in self._steps.values()
                if not labels.is_watch or self._looks % WATCH_LOOKS == 0
            ]
            self._looks += 1
            await self._all_of([*map(self._pass_on, due), self._remove_over()])

    async def _all_of(self, calls: list[Coroutine[Any, Any, None]]) -> None:
        """Make calls of the store. A failure is logged once: the next look tries again."""
        results = await asyncio.gather(*calls, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures and not self._failed:
            log.warning("labels wait to be passed on to other replicas: %s", failures[0])
        self._failed = bool(failures)

    def _follow_steps(self) -> None:
        running = {live.model for live in self._rollouts.running} | set(
            self._rollouts.watched.models
        )
        for model in running:
            self._labels_of(model)
        for model in self._steps.keys() - running:
            self._over.append(self._steps.pop(model).step)

    def _labels_of(self, model: str) -> _StepLabels | None:
        """Return the labels of a model's present step, else of its watch; None without both."""
        present = self._present(model)
        labels = self._steps.get(model)
        if present is None or (labels is not None and labels.step == present.step):
            return labels if present is not None else None
        if labels is not None:
            self._over.append(labels.step)
        self._steps[model] = present
        return present

    def _present(self, model: str) -> _StepLabels | None:
        live, watched = self._rollouts.rollout_of(model), self._rollouts.watched.of(model)
        if live is not None:
            step = Step(model, live.rollout.entry)
            return _StepLabels(step, live.rollout.since, is_watch=False)
        if watched is not None:
            return _StepLabels(Step(model, watched.entry), watched.since, is_watch=True)
        return None

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
        present = self._present(step.model)
        if present is None or present.step != step:
            return
        for sent in batch:
            join_label(self._rollouts, step.model, sent)

    async def _remove_over(self) -> None:
        while self._over:
            await self._threads.call(self._exchange.remove_until, self._over[0])
            self._over.pop(0)

    def _is_of_another_replica(self, present: _StepLabels, prediction_id: str) -> bool:
        request_id, _ = split_prediction_id(prediction_id)
        created = creation_time(request_id)
        if created is None or created < present.since - _MAX_SKEW:
            return False
        live = self._rollouts.rollout_of(present.step.model)
        watched = self._rollouts.watched.of(present.step.model)
        return not any(
            each is not None and each.has_predicted(request_id) for each in (live, watched)
        )


def join_label(rollouts: LiveRollouts, model: str, sent: SentLabel) -> bool:
    """Join a label with the predictions of a step's arms and of a watched champion.

    Args:
        rollouts: The rollouts and the watched champions of all models.
        model: The model's name.
        sent: The prediction's id, and the label.

    Returns:
        Whether one of them had predicted it.
    """
    request_id, row = split_prediction_id(sent[0])
    joined = [
        each.join_label(model, request_id, row, sent[1]) for each in (rollouts, rollouts.watched)
    ]
    return any(joined)
