"""The request to promote a version: from where, to where, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airworthy.handover import ProvedBy, RunRequest
from airworthy.promotion.place import Place

_DIGITS = 12


@dataclass(frozen=True)
class PromotionRequest:
    """The request for a promotion.

    Attributes:
        model: The model.
        version: The version in the environment that it is from.
        source: The environment that it is from.
        target: The environment that it goes to.
        requested_by: The person.
        proved_by: The proof of the name.
    """

    model: str
    version: str
    source: Place
    target: Place
    requested_by: str
    proved_by: ProvedBy

    def run_id(self, digest: str) -> str:
        """Return the id of the promotion's run: the same for the same version, at every try.

        `digest` is the digest of the version's files.
        """
        return f"promotion-{self.source.name}-{self.version}-{digest[:_DIGITS]}"

    def run(self, as_of: datetime, digest: str) -> RunRequest:
        """Return the request of the promotion's run in the environment that the version goes to.

        Args:
            as_of: The exclusive end of the training's data.
            digest: The digest of the version's files.
        """
        return RunRequest(
            model=self.model,
            as_of=as_of,
            reason="manual",
            run_id=self.run_id(digest),
            requested_by=self.requested_by,
            requested_by_proof=self.proved_by,
        )
