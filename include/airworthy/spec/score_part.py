"""The ``score`` part of a spec: the rows and the schedule of batch scoring."""

from __future__ import annotations

from pydantic import Field, model_validator

from airworthy.days import DAY
from airworthy.spec.fields import Duration, Part, Violation, format_duration, violation_error
from airworthy.spec.schedules import Schedule
from airworthy.spec.sources_part import Source


class Score(Part):
    """Batch scoring by the champion. Every day is a partition, scored again only for a reason."""

    schedule: Schedule | None = Field(
        default="@daily",
        description="Cron expression in UTC; null: only by hand or by trigger.",
        examples=["0 4 * * *", "@daily"],
    )
    window: Duration = Field(
        default=DAY,
        description="Time before the run's `as_of` to score; whole days.",
        json_schema_extra={"default": "1d", "examples": ["1d", "7d"]},
    )
    source: Source | None = Field(
        default=None,
        description="Source of the rows; null: `ingest.source`. They have the columns declared in "
        "`ingest`, "
        "without the label.",
    )

    @model_validator(mode="after")
    def _whole_days(self) -> Score:
        if self.window < DAY or self.window % DAY:
            allowed = "a whole number of days, at least 1d"
            window = format_duration(self.window)
            raise violation_error(
                Violation(("window",), "this must be whole days", window, allowed)
            )
        return self
