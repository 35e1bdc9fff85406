"""Events of a version's promotion from one environment to another, in the ledgers of both."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from airworthy.ledger.events.event import LedgerEvent

_DIGITS = 12


class _Promotion(LedgerEvent):
    """Base of the events of a promotion.

    Attributes:
        version: The version in the ledger's own environment.
        bundle_digest: Digest of its files. It is the same in both environments.
    """

    version: str
    bundle_digest: str

    @property
    def subject(self) -> str:
        """The version."""
        return self.version

    @property
    def _files(self) -> str:
        """The first digits of the digest: MLflow may give a number again."""
        return self.bundle_digest[:_DIGITS]


class PromotionStarted(_Promotion):
    """A version is to be promoted to another environment. Nothing has left this one yet.

    Attributes:
        version: The version.
        bundle_digest: Digest of its files.
        dataset_digest: Digest of the dataset version of its training.
        to_environment: The other environment.
    """

    kind: ClassVar[str] = "promotion_started"

    dataset_digest: str | None = None
    to_environment: str

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per version and environment, whichever run promotes it."""
        return f"{self.kind}:{self.to_environment}:{self.version}:{self._files}"


class PromotionReceived(_Promotion):
    """A version of another environment is registered here, with its files, rows and evidence.

    Attributes:
        version: The version in this environment.
        bundle_digest: Digest of its files.
        dataset_digest: Digest of the dataset version of its training.
        from_environment: The other environment.
        from_version: The version there.
        from_entry: The number of the entry in the other ledger that began the promotion.
        from_entry_hash: The hash of that entry.
        from_run: The run that registered it there.
        mlflow_run_id: The MLflow run of the training in the other environment.
        trained_by: The names of those who triggered its training there, as far as they were proved.
    """

    kind: ClassVar[str] = "promotion_received"

    dataset_digest: str | None = None
    from_environment: str
    from_version: str
    from_entry: int
    from_entry_hash: str
    from_run: str | None = None
    mlflow_run_id: str | None = None
    trained_by: list[str] = Field(default_factory=list)

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per pair of versions, whichever run promotes it."""
        origin = f"{self.from_environment}:{self.from_version}"
        return f"{self.kind}:{origin}:{self.version}:{self._files}"


class PromotionCompleted(_Promotion):
    """A version is registered in another environment, whose ledger names this one.

    Attributes:
        version: The version in this environment.
        bundle_digest: Digest of its files.
        to_environment: The other environment.
        to_version: The version there.
        to_entry: The number of the entry in the other ledger that received it.
        to_entry_hash: The hash of that entry.
    """

    kind: ClassVar[str] = "promotion_completed"

    to_environment: str
    to_version: str
    to_entry: int
    to_entry_hash: str

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per pair of versions, whichever run promotes it."""
        target = f"{self.to_environment}:{self.to_version}"
        return f"{self.kind}:{target}:{self.version}:{self._files}"
