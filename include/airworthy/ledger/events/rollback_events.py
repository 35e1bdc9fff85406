"""Events of a rollback: it began, and it was completed."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from airworthy.ledger.events.event import LedgerEvent


class _Rollback(LedgerEvent):
    """What both events of a rollback say.

    Attributes:
        from_: The version that loses its traffic.
        to: The version that serves again.
        reason: Why, in a person's words.
        named: Whether a person named the version to go back to.
        withdraws: Whether `from_` was under rollout and `to` is champion already: no alias moves.
    """

    from_: str = Field(alias="from")
    to: str
    reason: str = ""
    named: bool = False
    withdraws: bool = False

    @property
    def subject(self) -> str:
        """The version that serves again; when a rollout is withdrawn, the version that was under rollout."""
        return self.from_ if self.withdraws else self.to


class RollbackStarted(_Rollback):
    """A rollback is about to change what serves."""

    kind: ClassVar[str] = "rollback_started"

    def entry_id(self, run_id: str) -> str:
        """Return one id for a run."""
        return f"{self.kind}:{run_id}"


class RollbackCompleted(_Rollback):
    """A rollback was completed: the server answers with the version.

    Attributes:
        from_: The version that lost its traffic.
        to: The version that serves again.
        reason: Why, in a person's words.
        named: Whether a person named the version to go back to.
        withdraws: Whether `from_` was under rollout and `to` was champion already.
        started_by: The run that began it.
        parity_rows: How many rows the version was asked.
        max_difference: The largest difference from its offline predictions.
    """

    kind: ClassVar[str] = "rollback"

    started_by: str
    parity_rows: int
    max_difference: float

    def entry_id(self, run_id: str) -> str:
        """Return one id for a rollback, whichever run completes it."""
        return f"{self.kind}:{self.started_by}"
