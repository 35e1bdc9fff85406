"""Follows the ledgers of all models, and keeps the traffic of each.

A look lists the notices of all models. A ledger is read when its notice changed, when its last
reading failed, and at times in any case: a notice may be lost. The traffic of a model stays as it
was while its ledger cannot be read.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from airworthy.errors import TerminalError, TransientError
from airworthy.ledger import Entry
from airworthy.ledger.traffic_entries import needed_sequences
from airworthy.serving.record_reader import Following
from airworthy.serving.store_threads import StoreThreads
from airworthy.traffic.traffic_state import Traffic, following_traffic

log = logging.getLogger(__name__)

_START_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_JITTER = 0.2


@dataclass
class _Followed:
    """One model's ledger.

    `waiting` are entries that cannot be followed yet: the first of them cannot be read.
    """

    traffic: Traffic | None = None
    waiting: list[Entry] = field(default_factory=list)
    next_look: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RecordFollower:
    """The traffic of all models by the record.

    Attributes:
        seen: The time of the last look that reached the record, UTC; None before the first one.
        problems: The reason by model, of ledgers with an entry that cannot be followed.
    """

    def __init__(self, following: Following, threads: StoreThreads) -> None:
        """Start without a look."""
        self._record = following.record
        self._looks = following.looks
        self._threads = threads
        self._models: dict[str, _Followed] = {}
        self._marks: dict[str, str] = {}
        self._next_models = 0.0
        self._finding = asyncio.Lock()
        self._seen_at = time.monotonic()
        self._lost = False
        self.seen: datetime | None = None
        self.problems: dict[str, str] = {}

    @property
    def is_lost(self) -> bool:
        """Whether the last look did not reach the record."""
        return self._lost

    @property
    def lost_since(self) -> datetime | None:
        """The time of the last good look, UTC, when the one after it failed; else None."""
        return self.seen if self._lost else None

    @property
    def unseen_seconds(self) -> float:
        """The time since the last look that reached the record, or since the start, in seconds."""
        return time.monotonic() - self._seen_at

    @property
    def models(self) -> list[str]:
        """The models with a ledger, by name."""
        return sorted(name for name, each in self._models.items() if each.traffic is not None)

    def traffic(self, model: str) -> Traffic | None:
        """Return a model's traffic by the last look; None: there is no ledger."""
        followed = self._models.get(model)
        return followed.traffic if followed else None

    async def first_look(self) -> dict[str, Traffic]:
        """Read all ledgers, however long it takes until the record answers.

        Returns:
            The traffic by model.
        """
        attempt = 0
        while True:
            changed = await self.look()
            if not self._lost:
                return changed | {
                    name: each for name in self.models if (each := self.traffic(name))
                }
            await asyncio.sleep(_START_RETRY_SECONDS[min(attempt, len(_START_RETRY_SECONDS) - 1)])
            attempt += 1

    async def pause(self) -> None:
        """Wait until the next look; the time is not the same in any two servers."""
        await asyncio.sleep(_jittered(self._looks.notices))

    async def look(self) -> dict[str, Traffic]:
        """Look at the record once.

        Returns:
            The traffic by model, of the models whose traffic changed.
        """
        started = time.monotonic()
        try:
            marks = await self._threads.call(self._record.marks)
            self._add_models(marks)
            if started >= self._next_models:
                await self._find_models()
        except Exception as error:
            self._set_lost(error)
            return {}
        due = {name for name, each in self._models.items() if started >= each.next_look}
        changed = {
            name
            for name in self._marks.keys() | marks.keys()
            if self._marks.get(name) != marks.get(name)
        }
        results = await self._read(due | (changed & self._models.keys()))
        self._marks = marks
        return results

    async def look_at(self, model: str) -> dict[str, Traffic]:
        """Look at one model's ledger at once, and for the model itself when it is not known.

        Returns:
            The traffic by model, if it changed.

        Raises:
            TransientError: when the record is out of reach.
            TerminalError: when the store refuses.
        """
        if model not in self._models:
            async with self._finding:
                await self._find_models()
        if model not in self._models:
            return {}
        result = await self._read_one(model)
        if isinstance(result, Exception):
            raise result
        return {} if result is None else {model: result}

    async def _find_models(self) -> None:
        self._add_models(await self._threads.call(self._record.models))
        self._next_models = time.monotonic() + _jittered(self._looks.ledgers)

    def _add_models(self, names: Iterable[str]) -> None:
        for name in names:
            self._models.setdefault(name, _Followed())

    async def _read(self, models: set[str]) -> dict[str, Traffic]:
        """Read some ledgers; return the traffic of those that changed."""
        names = sorted(models)
        results = await asyncio.gather(*(self._read_one(name) for name in names))
        errors = [each for each in results if isinstance(each, Exception)]
        if errors:
            self._set_lost(errors[0])
        else:
            self._set_seen()
        return {
            name: each
            for name, each in zip(names, results, strict=True)
            if isinstance(each, Traffic)
        }

    async def _read_one(self, model: str) -> Traffic | TransientError | None:
        """Read a ledger; return its traffic when it changed, or the error that keeps it away."""
        followed = self._models[model]
        async with followed.lock:
            is_first = followed.next_look == 0.0
            try:
                entries = await self._threads.call(self._record.new_entries, model)
            except TerminalError as error:
                followed.next_look = time.monotonic() + _jittered(self._looks.ledgers)
                self._set_problem(model, error)
                return None
            except Exception as error:
                followed.next_look = 0.0
                return _transient(error)
            # The later looks at all ledgers are spread, so that they do not come together.
            spread = random.random() if is_first else _jittered(1.0)  # noqa: S311 - no secret
            followed.next_look = time.monotonic() + self._looks.ledgers * spread
            return None if entries is None else self._follow(model, followed, entries)

    def _follow(self, model: str, followed: _Followed, entries: list[Entry]) -> Traffic | None:
        before = followed.traffic
        traffic = before or Traffic()
        waiting = [*followed.waiting, *entries]
        ids = [(entry.sequence, entry.entry_id) for entry in waiting]
        needed = needed_sequences(ids, traffic.seen)
        followed.waiting = [entry for entry in waiting if entry.sequence in needed]
        try:
            while followed.waiting:
                traffic = following_traffic(traffic, followed.waiting[0])
                del followed.waiting[0]
            self.problems.pop(model, None)
        except TerminalError as error:
            self._set_problem(model, error)
        followed.traffic = traffic
        return traffic if traffic != before else None

    def _set_problem(self, model: str, error: TerminalError) -> None:
        if self.problems.get(model) != error.problem:
            log.error("the ledger of %s cannot be followed: %s", model, error.problem)
        self.problems[model] = error.problem

    def _set_seen(self) -> None:
        if self._lost:
            log.warning("the record is back; it was last seen at %s", self.seen)
        self._lost = False
        self._seen_at = time.monotonic()
        self.seen = datetime.now(UTC)

    def _set_lost(self, error: Exception) -> None:
        if not self._lost:
            log.warning("the record cannot be seen since %s: %s", self.seen, _transient(error))
        self._lost = True


def _transient(error: Exception) -> TransientError:
    if isinstance(error, TransientError):
        return error
    return TransientError(f"the record cannot be read: {type(error).__name__}: {error}")


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
