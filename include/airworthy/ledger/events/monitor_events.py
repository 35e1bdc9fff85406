"""Events of monitoring: retraining decisions, staleness curves, alerts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import override

from airworthy.handover import DriftDecision
from airworthy.ledger.events.event import LedgerEvent


class RetrainingDecision(LedgerEvent):
    """The monitor's decision on retraining. All keys of the decision are stored."""

    kind: ClassVar[str] = "drift_decision"

    decision: DriftDecision

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per window; an inconclusive decision is repeatable, and has its own."""
        decision = self.decision
        again = f":{decision.digest}" if decision.outcome == "inconclusive" else ""
        return f"{self.kind}:{decision.window_end.isoformat()}{again}"

    @property
    def payload(self) -> dict[str, Any]:
        """The stored JSON values of the decision."""
        return self.decision.model_dump(mode="json")

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Read a stored decision.

        Raises:
            ValueError: when a key is missing or has a value of another type.
        """
        return cls(decision=DriftDecision.model_validate(payload, extra="ignore"))


class StalenessLimit(BaseModel):
    """The greatest age within the allowed loss, in days and in words; None: no age is."""

    model_config = ConfigDict(frozen=True)

    age: int | None
    told: str


class StalenessMeasured(LedgerEvent):
    """A staleness curve was measured; see `StalenessCurve`.

    Attributes:
        model: The model.
        end: The exclusive end of the holdouts.
        metric: The compared metric.
        confidence: Confidence level of the intervals.
        max_loss: The allowed loss, as a share.
        holdout: Length of a holdout.
        points: The loss at each age.
        left_out: The ages left out, each with the reason.
        limit: The resulting limit of the age.
        written: True when the limit was written to the spec's alert.
        evidence: The folder with the curve's files. It is not part of the entry's id.
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

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per measured curve, wherever its files are."""
        curve = {name: value for name, value in self.payload.items() if name != "evidence"}
        digest = hashlib.sha256(json.dumps(curve, sort_keys=True).encode()).hexdigest()
        return f"{self.kind}:{digest}"


class AlertRaised(LedgerEvent):
    """An alert was raised and sent to channels.

    Attributes:
        key: The key of the alert, always the same for the same alert.
        told: The names of the channels it was sent to now.
        title: The alert's title.
        alert: The whole alert, as JSON.
        first: Not stored: true when the alert was never raised before.
    """

    kind: ClassVar[str] = "alert"

    key: str
    told: list[str]
    title: str
    alert: dict[str, JsonValue]
    first: bool = Field(default=True, exclude=True)

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per alert; for each repetition, another one with its channels."""
        return f"{self.kind}:{self.key}" + ("" if self.first else f":{', '.join(self.told)}")
