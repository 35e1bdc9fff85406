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
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.ledger import Entry
from airworthy.ledger.traffic_entries import is_champion_move
from airworthy.serving.record_reader import Following
from airworthy.serving.store_threads import StoreThreads
from airworthy.traffic.traffic_state import Traffic, following_traffic

log = logging.getLogger(__name__)

_START_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_JITTER = 0.2
# A store that does not answer is given up sooner than this.
_OVERDUE_SECONDS = 15.0


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
        seen: The start of the last look that reached the record, UTC; None before the first one.
        problems: The reason by model, of ledgers with an entry that cannot be followed.
    """

    def __init__(
        self,
        following: Following,
        threads: StoreThreads,
        on_traffic: Callable[[str, Traffic], None],
    ) -> None:
        """Start without a look.

        Args:
            following: The record.
            threads: The record is read there.
            on_traffic: Called with a model and its traffic, as soon as it changed.
        """
        self._record = following.record
        self._looks = following.looks
        self._threads = threads
        self._on_traffic = on_traffic
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
        """Whether the last look did not reach the record, or has not ended for a long time."""
        return self._lost or self.unseen_seconds > _OVERDUE_SECONDS

    @property
    def lost_since(self) -> datetime | None:
        """The time of the last good look, UTC, when the record is lost; else None."""
        return self.seen if self.is_lost else None

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

    async def first_look(self) -> None:
        """Read all ledgers, however long it takes until the record answers."""
        attempt = 0
        while not await self.look():
            await asyncio.sleep(_START_RETRY_SECONDS[min(attempt, len(_START_RETRY_SECONDS) - 1)])
            attempt += 1

    async def pause(self) -> None:
        """Wait until the next look; the time is not the same in any two servers."""
        await asyncio.sleep(_jittered(self._looks.notices))

    async def look(self) -> bool:
        """Look at the record once. Tell whether it could be reached."""
        started, looked_at = time.monotonic(), datetime.now(UTC)
        try:
            marks = await self._threads.call(self._record.marks)
            if self._marks and not marks:
                raise TransientError("the notices of all models are gone")
            self._add_models(marks)
            if started >= self._next_models:
                await self._find_models()
        except Exception as error:
            self._set_lost(error)
            return False
        due = {name for name, each in self._models.items() if started >= each.next_look}
        names = self._marks.keys() | marks.keys()
        changed = {name for name in names if self._marks.get(name) != marks.get(name)}
        self._marks = marks
        lost = await self._read(due | changed)
        if lost is not None:
            self._set_lost(lost)
            return False
        self._set_seen(looked_at)
        return True

    async def look_at(self, model: str) -> None:
        """Look at one model's ledger at once, and for the model itself when it is not known.

        Raises:
            TransientError: when the record is out of reach.
            TerminalError: when the store refuses.
        """
        if model not in self._models:
            async with self._finding:
                await self._find_models()
        if model in self._models:
            error = await self._read_one(model)
            if error is not None:
                raise error

    async def _find_models(self) -> None:
        self._add_models(await self._threads.call(self._record.models))
        self._next_models = time.monotonic() + _jittered(self._looks.ledgers)

    def _add_models(self, names: Iterable[str]) -> None:
        for name in names:
            self._models.setdefault(name, _Followed())

    async def _read(self, models: set[str]) -> TransientError | None:
        """Read some ledgers; return the error that keeps one away."""
        errors = await asyncio.gather(*(self._read_one(name) for name in sorted(models)))
        return next((each for each in errors if each is not None), None)

    async def _read_one(self, model: str) -> TransientError | None:
        """Read a ledger; return the error that keeps it away."""
        followed = self._models[model]
        async with followed.lock:
            is_first = followed.next_look == 0.0
            followed.next_look = 0.0
            try:
                entries = await self._threads.call(self._record.new_entries, model)
                if entries is not None:
                    self._follow(model, followed, entries)
            except TerminalError as error:
                self._set_problem(model, error)
            except Exception as error:
                return _transient(error)
            # The later looks at all ledgers are spread, so that they do not come together.
            spread = random.random() if is_first else _jittered(1.0)  # noqa: S311 - no secret
            followed.next_look = time.monotonic() + self._looks.ledgers * spread
            return None

    def _follow(self, model: str, followed: _Followed, entries: list[Entry]) -> None:
        before = followed.traffic
        traffic = before or Traffic()
        # The ledger gives each entry once: none is let go of before it is followed.
        followed.waiting += entries
        waiting = followed.waiting
        try:
            while waiting:
                traffic = _after_first(traffic, waiting)
                del waiting[0]
            self.problems.pop(model, None)
        except TerminalError as error:
            self._set_problem(model, error)
        if traffic != before:
            self._on_traffic(model, traffic)
        followed.traffic = traffic

    def _set_problem(self, model: str, error: TerminalError) -> None:
        problem = f"{error.problem}: {error.received}" if error.received else error.problem
        if self.problems.get(model) != problem:
            log.error("the ledger of %s cannot be followed: %s", model, problem)
        self.problems[model] = problem

    def _set_seen(self, looked_at: datetime) -> None:
        if self._lost:
            log.warning("the record is back; it was last seen at %s", self.seen)
        self._lost = False
        self._seen_at = time.monotonic()
        self.seen = looked_at

    def _set_lost(self, error: Exception) -> None:
        if not self._lost:
            problem = _transient(error).problem
            log.warning("the record cannot be seen since %s: %s", self.seen, problem)
        self._lost = True


def _after_first(traffic: Traffic, entries: list[Entry]) -> Traffic:
    """Return the traffic after the first entry.

    One that cannot be read changes nothing when the champion moved later: the move replaced what it
    may have decided.

    Raises:
        TerminalError: when it cannot be read and nothing replaced it.
    """
    try:
        return following_traffic(traffic, entries[0])
    except TerminalError:
        if any(is_champion_move(entry.entry_id) for entry in entries[1:]):
            return traffic
        raise


def _transient(error: Exception) -> TransientError:
    if isinstance(error, TransientError):
        return error
    if isinstance(error, AirworthyError):
        return TransientError(error.problem)
    return TransientError(f"the record cannot be read: {type(error).__name__}: {error}")


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
