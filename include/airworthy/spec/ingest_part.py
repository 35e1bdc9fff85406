"""The ``ingest`` part of a spec: the source of the rows and their columns."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator, model_validator

from airworthy.spec.fields import (
    NO_TIME,
    ColumnType,
    Day,
    Duration,
    Part,
    Share,
    Violation,
    raise_violations,
    violation_error,
)
from airworthy.spec.sources_part import Source, SourceAsset

PARTITION = "partition"


class Ingest(Part):
    """The source of the rows and their columns."""

    LATER: ClassVar[tuple[str, ...]] = (
        "static",
        "time_format",
        "time_zone",
        "key_inputs",
        "null_values",
        "positive",
        "negative",
        "since",
    )

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
    time_format: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The format of the event time and of datetime columns; null: ISO 8601. "
            "iso, epoch_s, epoch_ms, epoch_us, epoch_ns, or a format of strftime.",
            examples=["%d.%m.%Y %H:%M", "%m/%d/%Y", "epoch_ms"],
        ),
    ] = None
    time_zone: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The IANA time zone of times without an offset; null: UTC.",
            examples=["Europe/Berlin"],
        ),
    ] = None
    static: Annotated[
        bool,
        Field(
            description="The rows have no time. All of them belong to the day `start`, with its "
            "midnight as event time, and no drift can be seen."
        ),
    ] = False
    key: list[str] = Field(
        default_factory=list,
        description="The columns that identify a row; empty: its number within the day.",
    )
    key_inputs: list[str] = Field(
        default_factory=list,
        description="Key columns that a prediction request has, too, so that features may read "
        "them.",
    )
    null_values: list[str] = Field(
        default_factory=list,
        description="Texts that mean no value, in every column.",
        examples=[["NA", "N/A", "-", "?"]],
    )
    positive: Annotated[
        str | int | None,
        Field(description="The label's value that means yes, for a binary label of other values."),
    ] = None
    negative: Annotated[
        str | int | None,
        Field(description="The label's value that means no; null: the only other one."),
    ] = None
    since: dict[str, Day] = Field(
        default_factory=dict,
        description="Column -> the first day on which the source has it. It is null before.",
    )
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

    @field_validator("positive", "negative", mode="before")
    @classmethod
    def _no_boolean(cls, value: Any) -> Any:
        """Refuse an unquoted yes or no: YAML reads it as a boolean, and the text is lost."""
        if isinstance(value, bool):
            problem = "YAML reads this as a boolean, and the label's text is not known"
            allowed = "a text in quotes, such as 'yes', or a number"
            raise violation_error(Violation((), problem, str(value).lower(), allowed))
        return value

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
        raise_violations([*violations, *self._wrong_label_values()])
        return self

    def _wrong_label_values(self) -> list[Violation]:
        if self.positive is None:
            if self.negative is None:
                return []
            problem = "a value that means no needs one that means yes"
            return [Violation(("negative",), problem, str(self.negative), "ingest.positive, too")]
        violations = []
        kind = self.columns.get(self.label)
        if kind not in (None, "bool"):
            key = ("columns", self.label)
            problem = "a label with ingest.positive is kept as yes or no"
            violations.append(Violation(key, problem, kind, "bool"))
        if self.negative is not None and str(self.negative) == str(self.positive):
            problem = "yes and no have the same value"
            violations.append(
                Violation(("negative",), problem, str(self.negative), "another value of the label")
            )
        for name, value in (("positive", self.positive), ("negative", self.negative)):
            if isinstance(value, str) and (not value.strip() or value in self.null_values):
                problem = "this text means that the label is missing"
                violations.append(Violation((name,), problem, repr(value), "a value of the label"))
        return violations
