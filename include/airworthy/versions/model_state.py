"""The state of a model in words and values: what serves, and what waits for a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from airworthy.alerts.live_alerts import FIRST_BLIND_WINDOWS


@dataclass(frozen=True)
class ModelState:
    """The state of one model. Times are ISO 8601 in UTC.

    Attributes:
        model: Its name.
        task: Its task; None: it has no spec any more, or one with faults.
        champion: The version that serves; None: none does.
        since: The time since which it serves.
        data_until: The exclusive end of the champion's training data.
        rollout: The version under rollout and its step, or None.
        verdict: The outcome of the newest verdict, or None.
        verdict_at: Its time.
        waits_for_approval: The version that waits for an approval, or None.
        approval_since: The time of its staging check, since which it waits.
        open_breaker: The words of the monitor's last decision, when it stopped retraining.
        breaker_since: The time of that decision.
        blind_windows: The number of the monitor's last windows in a row without a judgement.
        blind_since: The end of the first of these windows.
        retired: Time and reason of the retirement, or None.
        faults: The faults of its spec, in words.
        ledger_fault: The reason that its ledger cannot be read; then all of the above but the task
            is unknown.
    """

    model: str
    task: str | None = None
    champion: str | None = None
    since: str | None = None
    data_until: str | None = None
    rollout: str | None = None
    verdict: str | None = None
    verdict_at: str | None = None
    waits_for_approval: str | None = None
    approval_since: str | None = None
    open_breaker: str | None = None
    breaker_since: str | None = None
    blind_windows: int = 0
    blind_since: str | None = None
    retired: str | None = None
    faults: str | None = None
    ledger_fault: str | None = None

    @property
    def needs(self) -> list[str]:
        """Each thing that waits for a person, in words. Of a retired model, its faults alone."""
        serves = self.retired is None
        texts = {
            f"version {self.waits_for_approval} waits for an approval": serves
            and self.waits_for_approval,
            f"retraining has stopped: {self.open_breaker}": serves and self.open_breaker,
            f"the monitor could judge nothing in {self.blind_windows} windows": (
                serves and self.blind_windows >= FIRST_BLIND_WINDOWS
            ),
            f"its spec has faults: {self.faults}": self.faults,
            f"its ledger cannot be read: {self.ledger_fault}": self.ledger_fault,
        }
        return [text for text, holds in texts.items() if holds]

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return asdict(self) | {"needs": self.needs}
