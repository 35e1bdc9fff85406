"""Events of a rollback: its start and its completion."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from airworthy.ledger.events.event import LedgerEvent


class _Rollback(LedgerEvent):
    """Base of both events of a rollback.

    Attributes:
        from_: The version losing its traffic.
        to: The version serving again.
        reason: The reason, in a person's words.
        named: True when a person named the version `to`.
        withdraws: True when `from_` was under rollout and `to` is champion already: no alias moves.
    """

    from_: str = Field(alias="from")
    to: str
    reason: str = ""
    named: bool = False
    withdraws: bool = False

    @property
    def subject(self) -> str:
        """The version serving again; of a withdrawn rollout, the version under rollout."""
        return self.from_ if self.withdraws else self.to


class RollbackStarted(_Rollback):
    """A rollback began; serving has not changed yet."""

    kind: ClassVar[str] = "rollback_started"

    def entry_id(self, run_id: str) -> str:
        """Return one id per run."""
        return f"{self.kind}:{run_id}"


class RollbackCompleted(_Rollback):
    """A rollback was completed: the server answers with the version.

    Attributes:
        from_: The version that lost its traffic.
        to: The version serving again.
        reason: The reason, in a person's words.
        named: True when a person named the version `to`.
        withdraws: True when `from_` was under rollout and `to` was champion already.
        started_by: The run that began it.
        parity_rows: Number of rows predicted to check the version.
        max_difference: The largest difference from its offline predictions.
    """

    kind: ClassVar[str] = "rollback"

    started_by: str
    parity_rows: int
    max_difference: float

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per rollback, whichever run completes it."""
        return f"{self.kind}:{self.started_by}"
