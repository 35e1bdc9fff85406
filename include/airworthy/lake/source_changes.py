"""The changes of a source's day that is final: the lake keeps the rows that it has."""

from __future__ import annotations

from airworthy.handover import StageOutput


class SourceChange(StageOutput):
    """A day that its source has changed after it was final, as a run noticed it.

    Attributes:
        day: The UTC day, ``2026-01-31``.
        run_id: The run.
        kept: Rows in the lake, which stay.
        found: Rows that the source would give now; None: they cannot be used.
        text: The difference in words.
    """

    day: str
    run_id: str
    kept: int
    found: int | None
    text: str

    @property
    def line(self) -> str:
        """The change in words."""
        if self.found is None:
            return f"{self.day}: {self.kept:,} rows kept; the new ones cannot be used: {self.text}"
        return f"{self.day}: {self.kept:,} rows kept, {self.found:,} at the source: {self.text}"
