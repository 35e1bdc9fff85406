"""Events of a champion's watch after its release, and of rollback drills."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from airworthy.handover import ArmFigures
from airworthy.ledger.events.event import LedgerEvent, Moment

WatchOutcome = Literal["well", "not_watched", "superseded"]


class _Watch(LedgerEvent):
    """Base of both ends of a champion's watch.

    Attributes:
        version: The watched version.
        since: The time at which it became champion.
        champion_entry: The sequence number of the entry that made it champion.
        reasons: The reasons of the end.
        judged: The signals evaluated by the guard.
        missing: The reasons of signals not evaluated.
        figures: The servers' counts since it became champion.
    """

    version: str
    since: Moment | None = None
    champion_entry: int
    reasons: list[str] = Field(default_factory=list)
    judged: list[str] = Field(default_factory=list)
    missing: list[str] = Field(default_factory=list)
    figures: ArmFigures | None = None

    @property
    def subject(self) -> str:
        """The watched version."""
        return self.version

    def entry_id(self, run_id: str) -> str:  # noqa: ARG002 - each watch ends once, whoever looks
        """Return one id per watch, whichever run looks."""
        return f"{self.kind}:{self.champion_entry}"


class WatchTripped(_Watch):
    """The guard found a watched champion bad: traffic is to go back.

    `recent` has the counts of the window that was bad; None: it was the whole time.
    """

    kind: ClassVar[str] = "watch_trip"

    recent: ArmFigures | None = None


class WatchEnded(_Watch):
    """A watch ended without a trip.

    `outcome` is ``well``, ``not_watched`` (no request was seen), or ``superseded`` (another version
    became champion).
    """

    kind: ClassVar[str] = "watch_end"

    outcome: WatchOutcome


class RollbackDrill(LedgerEvent):
    """A rollback was rehearsed in staging: to the champion's predecessor, and forth again.

    Attributes:
        champion: The champion.
        predecessor: The version that a rollback would go back to.
        server: The role of the servers.
        passed: True when both versions were loaded and answered as they do offline.
        reasons: The reasons of a failure.
        back_seconds: From the naming of the predecessor to its checked answers.
        forth_seconds: From the naming of the champion to its checked answers.
        max_difference: The largest difference from offline predictions.
    """

    kind: ClassVar[str] = "rollback_drill"

    champion: str
    predecessor: str
    server: str
    passed: bool
    reasons: list[str] = Field(default_factory=list)
    back_seconds: float | None = None
    forth_seconds: float | None = None
    max_difference: float | None = None

    @property
    def subject(self) -> str:
        """The predecessor."""
        return self.predecessor

    def entry_id(self, run_id: str) -> str:
        """Return one id per run and result."""
        return f"{self.kind}:{run_id}:{'passed' if self.passed else 'failed'}"
