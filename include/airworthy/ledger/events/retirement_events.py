"""The event of a model's retirement."""

from __future__ import annotations

from typing import ClassVar

from airworthy.ledger.events.event import LedgerEvent


class Retirement(LedgerEvent):
    """A model was retired: no version serves, and none is released, until its champion comes back.

    A later alias move takes the retirement back.

    Attributes:
        from_version: The champion until then.
        bundle_digest: Digest of its files.
        reason: The reason in a person's words.
    """

    kind: ClassVar[str] = "retirement"

    from_version: str
    bundle_digest: str | None = None
    reason: str

    @property
    def subject(self) -> str:
        """The version that served until then."""
        return self.from_version

    def entry_id(self, run_id: str) -> str:
        """Return one id per run."""
        return f"{self.kind}:{run_id}"
