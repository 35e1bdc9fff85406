"""Events of candidates: versions loaded beside the champion, without traffic."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from airworthy.ledger.events.event import LedgerEvent

ServerRole = Literal["staging", "production"]
CandidatePurpose = Literal["staging", "release", "rollback"]


class _Candidate(LedgerEvent):
    """Base of both events of a candidate.

    Attributes:
        version: The version.
        purpose: The action that needs it.
    """

    version: str
    purpose: CandidatePurpose

    @property
    def subject(self) -> str:
        """The version."""
        return self.version


class CandidateNamed(_Candidate):
    """A version is to be loaded by every model server of a role, without traffic.

    Attributes:
        version: The version.
        purpose: The action that needs it.
        bundle_digest: Digest of its files. A server loads no other files.
        server: The role of the servers.
        named_before: Not stored: number of earlier candidates. A retry after a drop is another
            entry.
    """

    kind: ClassVar[str] = "candidate"

    bundle_digest: str
    server: ServerRole
    named_before: int = Field(default=0, exclude=True)

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per run, version, purpose and number of earlier candidates."""
        return f"{self.kind}:{run_id}:{self.version}:{self.purpose}:{self.named_before}"


class CandidateDropped(_Candidate):
    """A candidate is no longer needed.

    Attributes:
        version: The version.
        purpose: The purpose that it was named for.
        reasons: The reasons, when something failed.
        named_by: The sequence number of the entry that named it.
    """

    kind: ClassVar[str] = "candidate_dropped"

    reasons: list[str] = Field(default_factory=list)
    named_by: int

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per named candidate, whichever run drops it."""
        return f"{self.kind}:{self.named_by}"
