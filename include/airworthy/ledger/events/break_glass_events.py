"""The event of a rollback that a model server carried out without the ledger."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from airworthy.ledger.events.event import LedgerEvent, Moment


class BreakGlass(LedgerEvent):
    """A person made a model server go back, without the ledger; recorded when it could be.

    The entry's time is that of the record. The traffic changed at `at`.

    Attributes:
        from_: The version that lost its traffic.
        to: The version that serves again.
        reason: The reason, in a person's words.
        at: The time of the switch, UTC, by the server's clock.
        bundle_digest: Digest of the files of `to`.
        withdraws: True when `from_` was under rollout and `to` was champion already.
        moved: False when another version had become champion by the ledger: then the ledger's
            champion serves, and this rollback has ended.
        server: The server, as its reports name it.
    """

    kind: ClassVar[str] = "break_glass"

    from_: str = Field(alias="from")
    to: str
    reason: str = ""
    at: Moment
    bundle_digest: str | None = None
    withdraws: bool = False
    moved: bool = True
    server: str | None = None

    def entry_id(self, run_id: str) -> str:
        """Return one id per rollback."""
        return f"{self.kind}:{run_id}"

    @property
    def subject(self) -> str:
        """The version that serves again."""
        return self.to
