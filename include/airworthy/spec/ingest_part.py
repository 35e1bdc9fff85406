"""The ``ingest`` part of a spec: the source of the rows and their columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, field_validator, model_validator

from airworthy.spec.fields import (
    NO_TIME,
    ColumnType,
    Day,
    Duration,
    Part,
    Share,
    Violation,
    format_duration,
    raise_violations,
    violation_error,
)
from airworthy.spec.sources_part import FilesSource, Source, SourceAsset
from airworthy.spec.time_formats import ALLOWED, ISO, format_problem

PARTITION = "partition"
ROW_NUMBER = "__row_number"
"""The column with a row's number within its day, from 1; of rows without a key."""
RepeatedHour = Literal["earliest", "latest", "order"]


def _time_format(value: object) -> object:
    texts = value.values() if isinstance(value, dict) else [value]
    if value is None or all(isinstance(text, str) and text for text in texts):
        return value
    problem = "this is no time format"
    allowed = f"{ALLOWED}; or a mapping of columns to formats"
    raise violation_error(Violation((), problem, value, allowed))


class Ingest(Part):
    """The source of the rows and their columns."""

    LATER: ClassVar[tuple[str, ...]] = (
        "static",
        "time_format",
        "time_zone",
        "repeated_hour",
        "key_inputs",
        "null_values",
        "positive",
        "negative",
        "since",
        "same_key",
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
            description="The column with a row's time; its UTC day is the partition. Required, but "
            "for static rows: there it is the name of the column that Airworthy adds.",
        ),
    ] = "event_time"
    time_format: Annotated[
        str | dict[str, str] | None,
        BeforeValidator(_time_format),
        Field(
            description="The format of the event time and of datetime columns, or column -> format "
            "for some of them; null: ISO 8601. "
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
    repeated_hour: RepeatedHour | None = Field(
        default=None,
        description="The meaning of a time in the hour that the clocks of `time_zone` show twice. "
        "order: the first of two rows with this time and the same other key columns is the earlier "
        "one. null: such rows go to quarantine.",
    )
    static: Annotated[
        bool,
        Field(
            description="The rows have no time. All of them belong to the day `start`, and no "
            "drift can be seen. Their event time is a place within it, by a hash of their key."
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
    same_key: Literal["quarantine", "latest"] = Field(
        default="quarantine",
        description="Rows of one day with the same key and other content. quarantine: one is kept, "
        "the others count into max_bad_share. latest: the one with the latest event time replaces "
        "the others.",
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
        violations = [*self._wrong_key(), *self._wrong_times(), *self._wrong_static()]
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
        for reserved, content in ((PARTITION, "day"), (ROW_NUMBER, "number")):
            if reserved in (*self.columns, self.event_time):
                problem = f"the lake keeps the {content} of each row in a column of this name"
                violations.append(
                    Violation(
                        ("columns", reserved),
                        problem,
                        self.columns.get(reserved, reserved),
                        "another name; files can be given a `rename`",
                    )
                )
        by_case = {name.lower(): name for name in (*self.columns, self.event_time)}
        violations += [
            Violation(
                ("columns", name),
                f"{by_case[name.lower()]!r} is another column, and the lake cannot tell them apart",
                name,
                "names that differ in more than upper and lower case; files can be given a `rename`",
            )
            for name in self.columns
            if by_case[name.lower()] != name
        ]
        if self.label in self.key:
            allowed = ", ".join(name for name in self.columns if name != self.label)
            violations.append(
                Violation(
                    ("key", self.key.index(self.label)), "the label is no key", self.label, allowed
                )
            )
        violations.extend(self._wrong_since())
        violations.extend(self._wrong_label_values())
        raise_violations(violations)
        return self

    def _wrong_key(self) -> Iterator[Violation]:
        known = [*self.columns, *([] if self.static else [self.event_time])]
        for index, name in enumerate(self.key):
            if name not in known:
                problem = "this column is not declared in ingest.columns"
                yield Violation(("key", index), problem, name, ", ".join(known))
            if name in self.key[:index]:
                yield Violation(("key", index), "this column is twice in the key", name, "once")
        usable = [name for name in self.key if name != self.label]
        for index, name in enumerate(self.key_inputs):
            if name not in usable:
                allowed = ", ".join(usable) or "nothing until ingest.key names columns"
                yield Violation(("key_inputs", index), "this is no key column", name, allowed)

    def _wrong_times(self) -> Iterator[Violation]:
        if isinstance(self.time_format, dict):
            times = self._time_columns
            for name, text in self.time_format.items():
                if name not in times:
                    allowed = ", ".join(times) or "no column: none is a datetime"
                    yield Violation(
                        ("time_format", name), "this is no column of times", text, allowed
                    )
                yield from _wrong_format(("time_format", name), text)
        elif self.time_format is not None:
            yield from _wrong_format(("time_format",), self.time_format)
        yield from _wrong_zone(self.time_zone)
        if self.repeated_hour is not None and self.time_zone is None:
            problem = "no hour of UTC is shown twice"
            yield Violation(
                ("repeated_hour",), problem, self.repeated_hour, "ingest.time_zone beside it"
            )

    def _wrong_static(self) -> Iterator[Violation]:
        if not self.static:
            if "event_time" not in self.model_fields_set:
                allowed = "a column of the source; or ingest.static: true for rows without a time"
                yield Violation(("event_time",), "this key is required", None, allowed)
            return
        problem = "static rows have no time"
        for name in ("label_delay", "restate"):
            if getattr(self, name):
                value = format_duration(getattr(self, name))
                yield Violation((name,), problem, value, "0d; delete the key")
        if self.since:
            yield Violation(("since",), problem, ", ".join(self.since), "no `since`")
        if isinstance(self.source, FilesSource) and "{" in self.source.path:
            allowed = "a path without dates; a glob reads several files"
            yield Violation(("source", "path"), problem, self.source.path, allowed)

    @property
    def _time_columns(self) -> list[str]:
        return [name for name, kind in self.source_columns.items() if kind == "datetime"]

    @property
    def source_columns(self) -> dict[str, ColumnType]:
        """The columns that the source must have: the event time first, unless rows have none."""
        time: dict[str, ColumnType] = {} if self.static else {self.event_time: "datetime"}
        return time | self.columns

    @property
    def lake_columns(self) -> dict[str, ColumnType]:
        """The columns in the lake: the event time first; the number of a row without a key last."""
        columns: dict[str, ColumnType] = {self.event_time: "datetime", **self.columns}
        return columns if self.key else {**columns, ROW_NUMBER: "int"}

    @property
    def key_types(self) -> dict[str, ColumnType]:
        """The columns that identify a row in the lake, with their types."""
        return {name: self.lake_columns[name] for name in self.key or [ROW_NUMBER]}

    def time_format_of(self, column: str) -> str:
        """Return the time format of a column."""
        if isinstance(self.time_format, dict):
            return self.time_format.get(column, ISO)
        return self.time_format or ISO

    def _wrong_since(self) -> list[Violation]:
        """Return the columns of `since` that are not declared, or that every row must have."""
        needed = {*self.key, self.label, self.event_time}
        usable = [name for name in self.columns if name not in needed]
        allowed = ", ".join(usable) or "no column is left"
        return [
            Violation(
                ("since", name),
                "every row needs this column on every day"
                if name in needed
                else "this column is not declared in ingest.columns",
                name,
                allowed,
            )
            for name in self.since
            if name not in usable
        ]

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


def _wrong_format(key: tuple[str, ...], text: str) -> Iterator[Violation]:
    problem = format_problem(text)
    if problem is not None:
        yield Violation(key, problem, text, ALLOWED)


def _wrong_zone(zone: str | None) -> Iterator[Violation]:
    if zone is None or zone in available_timezones():
        return
    names = {name.lower(): name for name in available_timezones()}
    close = get_close_matches(zone.lower(), names, n=1)
    hint = f"; did you mean {names[close[0]]!r}?" if close else ""
    problem = f"there is no such time zone{hint}"
    yield Violation(("time_zone",), problem, zone, "an IANA name, such as Europe/Berlin or UTC")
