"""The ledger and the registry's tags of a replay, in memory.

The entries hold the real events, so the monitor's own functions read them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from airworthy.handover import DriftDecision
from airworthy.ledger import Entry
from airworthy.ledger.events import LedgerEvent, RetrainingDecision, VerdictReached
from airworthy.registry.tags import AS_OF, REASON, VALIDATION_STATUS


@dataclass
class ReplayedLedger:
    """The part of a ledger that a monitor reads: earlier windows and trainings, in memory.

    Attributes:
        entries: The entries of decisions and verdicts, oldest first.
        tags: Version -> its tags.
        decided: The ends of the windows with a conclusive decision.
    """

    entries: list[Entry] = field(default_factory=list)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    decided: set[datetime] = field(default_factory=set)

    def add_version(self, as_of: datetime, reason: str, *, approved: bool) -> str:
        """Register a version and return its number.

        Args:
            as_of: The exclusive end of its data, UTC.
            reason: The reason of its training.
            approved: Whether it passed its gates.
        """
        version = str(len(self.tags) + 1)
        status = "approved" if approved else "rejected"
        self.tags[version] = {
            AS_OF: as_of.isoformat(),
            REASON: reason,
            VALIDATION_STATUS: status,
        }
        return version

    def add_decision(self, decision: DriftDecision) -> None:
        """Record a decision."""
        self._add(RetrainingDecision(decision=decision), decision.model, decision.window_end)
        if decision.outcome != "inconclusive":
            self.decided.add(decision.window_end)

    def add_verdict(self, verdict: VerdictReached, model: str, moment: datetime) -> None:
        """Record a verdict.

        Args:
            verdict: The verdict.
            model: The model.
            moment: Its time, UTC.
        """
        self._add(verdict, model, moment)

    def before(self, window_end: datetime) -> ReplayedLedger:
        """Return a copy with the entries before a window's end."""
        kept = [entry for entry in self.entries if entry.time < window_end.isoformat()]
        decided = {end for end in self.decided if end < window_end}
        return ReplayedLedger(kept, dict(self.tags), decided)

    def _add(self, event: LedgerEvent, model: str, moment: datetime) -> None:
        number, time = len(self.entries) + 1, moment.isoformat()
        entry_id = event.entry_id(f"replay-{number}")
        payload = json.dumps(event.payload, sort_keys=True)
        self.entries.append(
            Entry(
                number,
                entry_id,
                time,
                event.kind,
                model,
                f"replay-{number}",
                "replay",
                payload,
                "",
                "",
            )
        )
