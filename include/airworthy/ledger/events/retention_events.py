"""The event of files that were removed under the environment's retention."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from airworthy.ledger.events.event import LedgerEvent


class ArtifactsRemoved(LedgerEvent):
    """The files of old models are removed. Their records stay. It is written before the removal.

    Attributes:
        versions: The registered versions that lose their files.
        logged_models: The ids of MLflow's logged models, of trainings without a version too.
        retention: The environment's words, such as ``90d``.
    """

    kind: ClassVar[str] = "artifacts_removed"

    versions: list[str] = Field(default_factory=list)
    logged_models: list[str] = Field(default_factory=list)
    retention: str = ""

    def entry_id(self, run_id: str) -> str:
        """Return one id per run."""
        return f"{self.kind}:{run_id}"
