"""Events of monitoring: whether to train again, how quality decays with age, and what people were told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from airworthy.handover import DriftDecision
from airworthy.ledger.events.event import LedgerEvent


class RetrainingDecision(LedgerEvent):
    """The monitor decided whether the champion is to be trained again. All keys of the decision are stored."""

    kind: ClassVar[str] = "drift_decision"

    decision: DriftDecision

    def entry_id(self, run_id: str) -> str:
        """Return one id for a window. An inconclusive decision is made anew, and has an id of its own."""
        decision = self.decision
        again = f":{decision.digest}" if decision.outcome == "inconclusive" else ""
        return f"{self.kind}:{decision.window_end.isoformat()}{again}"

    @property
    def payload(self) -> dict[str, Any]:
        """The decision as it is stored, as JSON values."""
        return self.decision.model_dump(mode="json")

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Read a stored decision.

        Raises:
            ValueError: when a key is missing or has a value of another type.
        """
        return cls(decision=DriftDecision.model_validate(payload, extra="ignore"))


class StalenessLimit(BaseModel):
    """The oldest age that loses no more than is allowed, in days, and in words; None: the youngest loses more."""

    model_config = ConfigDict(frozen=True)

    age: int | None
    told: str


class StalenessMeasured(LedgerEvent):
    """A staleness curve was measured; see `StalenessCurve`.

    Attributes:
        model: The model.
        end: Up to when the holdouts reach.
        metric: The metric that was compared.
        confidence: Of the intervals.
        max_loss: The loss that is allowed, as a share.
        holdout: Length of a holdout.
        points: The loss at each age.
        left_out: The ages that could not be tried, and why.
        limit: What follows.
        written: Whether the spec's alert was set to it.
        evidence: The folder with the curve's files; the same curve elsewhere is the same entry.
    """

    kind: ClassVar[str] = "staleness"

    model: str
    end: AwareDatetime
    metric: str
    confidence: float
    max_loss: float
    holdout: str
    points: list[dict[str, JsonValue]]
    left_out: list[dict[str, JsonValue]]
    limit: StalenessLimit
    written: bool
    evidence: str

    def entry_id(self, run_id: str) -> str:
        """Return one id for what was measured, wherever its files are."""
        measured = {name: value for name, value in self.payload.items() if name != "evidence"}
        return f"{self.kind}:{hashlib.sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest()}"


class AlertRaised(LedgerEvent):
    """An alert was raised, and channels were told of it.

    Attributes:
        key: The same for the same alert.
        told: The names of the channels that were told just now.
        title: The alert's title.
        alert: All of the alert, as JSON.
        first: Not stored: whether it was never raised before.
    """

    kind: ClassVar[str] = "alert"

    key: str
    told: list[str]
    title: str
    alert: dict[str, JsonValue]
    first: bool = Field(default=True, exclude=True)

    def entry_id(self, run_id: str) -> str:
        """Return one id for the alert, and another for each later time with the channels that were told then."""
        return f"{self.kind}:{self.key}" + ("" if self.first else f":{', '.join(self.told)}")
