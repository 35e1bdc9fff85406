"""The ``score`` part of a spec: which rows the champion scores in batches, and when."""

from __future__ import annotations

from pydantic import Field, model_validator

from airworthy.days import DAY
from airworthy.spec.fields import Duration, Part, Wrong, format_duration, refuse
from airworthy.spec.schedules import Schedule
from airworthy.spec.sources_part import Source


class Score(Part):
    """What the champion scores in batches. Every day is a partition, scored again only when there is a reason to."""

    schedule: Schedule | None = Field(
        default="@daily",
        description="Cron expression in UTC; null: only by hand or by trigger.",
        examples=["0 4 * * *", "@daily"],
    )
    window: Duration = Field(
        default=DAY,
        description="How many days before the run's `as_of` are scored; whole days.",
        json_schema_extra={"default": "1d", "examples": ["1d", "7d"]},
    )
    source: Source | None = Field(
        default=None,
        description="Where the rows come from; null: from `ingest.source`. They have the columns that `ingest` "
        "declares, without the label.",
    )

    @model_validator(mode="after")
    def _whole_days(self) -> Score:
        if self.window < DAY or self.window % DAY:
            allowed = "a whole number of days, at least 1d"
            refuse(
                [
                    Wrong(
                        ("window",),
                        "this must be whole days",
                        format_duration(self.window),
                        allowed,
                    )
                ]
            )
        return self
