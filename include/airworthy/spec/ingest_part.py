"""The ``ingest`` part of a spec: the source of the rows and their columns."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from airworthy.spec.fields import (
    NO_TIME,
    ColumnType,
    Duration,
    Part,
    Share,
    Violation,
    raise_violations,
)
from airworthy.spec.sources_part import Source, SourceAsset

PARTITION = "partition"


class Ingest(Part):
    """The source of the rows and their columns."""

    source: Source
    asset: SourceAsset | None = Field(
        default=None,
        description="The Airflow asset of the source: new data in it trains the model, besides "
        "the schedule.",
    )
    event_time: Annotated[
        str,
        Field(
            min_length=1,
            description="The column with a row's time in UTC; its day is the partition.",
        ),
    ]
    key: Annotated[list[str], Field(min_length=1, description="The columns that identify a row.")]
    label: Annotated[str, Field(min_length=1, description="The column to predict.")]
    label_delay: Duration = Field(
        default=timedelta(0),
        description="Time from the event until its label is known.",
        json_schema_extra=NO_TIME,
    )
    restate: Duration = Field(
        default=timedelta(0),
        description="Time after the end of a partition in which the source may still change it.",
        json_schema_extra=NO_TIME,
    )
    max_bad_share: Share = Field(
        default=0.05, description="Maximum share of quarantined rows; more stop the run."
    )
    columns: Annotated[
        dict[str, ColumnType],
        Field(
            min_length=1,
            description="The columns to keep, with their types; the event time is kept besides.",
        ),
    ]

    @model_validator(mode="after")
    def _names_agree(self) -> Ingest:
        declared = ", ".join(self.columns)
        problem = "this column is not declared in ingest.columns"
        violations = [
            Violation(("key", index), problem, name, declared)
            for index, name in enumerate(self.key)
            if name not in self.columns
        ]
        if self.label not in self.columns:
            violations.append(Violation(("label",), problem, self.label, declared))
        if self.event_time in self.columns:
            problem = "the event time is always a datetime and is not declared again"
            violations.append(
                Violation(
                    ("columns", self.event_time),
                    problem,
                    self.columns[self.event_time],
                    "no such column",
                )
            )
        if PARTITION in (*self.columns, self.event_time):
            problem = "the lake keeps the day of each row in a column of this name"
            violations.append(
                Violation(
                    ("columns", PARTITION),
                    problem,
                    self.columns.get(PARTITION, PARTITION),
                    "another name; files can be given a `rename`",
                )
            )
        if self.label in self.key:
            allowed = ", ".join(name for name in self.columns if name != self.label)
            violations.append(
                Violation(
                    ("key", self.key.index(self.label)), "the label is no key", self.label, allowed
                )
            )
        raise_violations(violations)
        return self
