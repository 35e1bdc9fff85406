"""The counts of a window's rows: what became of each raw row of the source."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from airworthy.handover.stage_output import StageOutput


class QuarantineReason(StageOutput):
    """A reason of quarantine: the number of its rows, and one of them in words."""

    count: int
    example: str = ""


class IngestCounts(StageOutput):
    """The counts of all raw rows of a window: each is kept, in quarantine, or dropped.

    Attributes:
        read: Raw rows of the source. It is the sum of the next four.
        kept: Rows in the lake.
        quarantined: Unusable rows.
        duplicates: Exact repeats of another row, which were dropped.
        superseded: Rows dropped for a later one of their key (``ingest.same_key: latest``).
        reasons: Reason of quarantine -> its rows, the most frequent first.
        days_without_data: Days of the window for which the source had no row.
        first_without: The first of them.
        last_without: The last of them.
        notices: What people should look at, a sentence each.
    """

    read: int
    kept: int
    quarantined: int
    duplicates: int
    superseded: int = 0
    reasons: dict[str, QuarantineReason] = Field(default_factory=dict)
    days_without_data: int = 0
    first_without: date | None = None
    last_without: date | None = None
    notices: list[str] = Field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The counts in words: a line for all, then one for each reason and notice."""
        return [
            f"read {self.read:,} rows, {self._parts}",
            *(f"  quarantined: {reason}" for reason in self._reasons),
            *(f"  {notice}" for notice in self.notices),
        ]

    @property
    def _parts(self) -> str:
        parts = [
            f"kept {self.kept:,}",
            f"quarantined {self.quarantined:,}",
            f"dropped {self.duplicates:,} duplicates",
        ]
        if self.superseded:
            parts.append(f"replaced {self.superseded:,} by later rows of their key")
        if self.days_without_data:
            parts.append(f"{self.days_without_data:,} days without data ({self._without})")
        return ", ".join(parts)

    @property
    def _without(self) -> str:
        if self.first_without == self.last_without:
            return f"{self.first_without}"
        return f"{self.first_without} .. {self.last_without}"

    @property
    def _reasons(self) -> list[str]:
        return [
            f"{count.count:,} {reason}" + (f", such as {count.example}" if count.example else "")
            for reason, count in self.reasons.items()
        ]
