"""The event of a person's flag."""

from __future__ import annotations

from typing import ClassVar

from airworthy.ledger.events.event import LedgerEvent


class KillSwitchTurned(LedgerEvent):
    """A person turned a model's kill switch on or off. On, the champion answers everything.

    Attributes:
        on: Whether it is on since then.
        reason: The reason in a person's words.
    """

    kind: ClassVar[str] = "kill_switch"

    on: bool
    reason: str

    def entry_id(self, run_id: str) -> str:
        """Return one id per run."""
        return f"{self.kind}:{run_id}"
