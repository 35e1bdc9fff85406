"""The event of a version that a person adopts after an alias was moved by hand."""

from __future__ import annotations

from typing import ClassVar

from airworthy.ledger.events.event import LedgerEvent


class Adoption(LedgerEvent):
    """A person wants the version that a moved alias named. Its release follows, with all checks.

    Attributes:
        version: The version.
        champion: The champion at the time; None: there was none.
        reason: The reason in the person's words.
    """

    kind: ClassVar[str] = "adoption"

    version: str
    champion: str | None = None
    reason: str

    @property
    def subject(self) -> str:
        """The version."""
        return self.version

    def entry_id(self, run_id: str) -> str:
        """Return one id per run."""
        return f"{self.kind}:{run_id}"
