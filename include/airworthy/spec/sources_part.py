"""The ``ingest.source`` part of a spec: the source of a model's rows."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from airworthy.days import DAY
from airworthy.spec.fields import (
    Day,
    Duration,
    Part,
    Share,
    Violation,
    format_duration,
    raise_violations,
    violation_error,
)

AssetText = Annotated[
    str, Field(pattern=r"^[!-~](?:[ -~]{0,1498}[!-~])?$", description="printable ASCII")
]

# ${DATA} anywhere, or $DATA as the first folder.
_VARIABLE = re.compile(r"\$\{\w+\}|^\$\w+(/|$)")


class SimulatorSource(Part):
    """A seeded generator: it always gives the same rows for the same day."""

    type: Literal["simulator"]
    scenario: Literal["deliveries"] = "deliveries"
    rows_per_day: Annotated[int, Field(gt=0, le=50_000_000, description="Rows in one UTC day.")] = (
        2000
    )
    seed: Annotated[int, Field(ge=0)] = 0
    missing_share: Share = Field(default=0.01, description="Share of values that are missing.")
    bad_share: Share = Field(
        default=0.001,
        description="Share of bad rows: unusable, out of range, or with a repeated key.",
    )
    drift_from: Day | None = Field(default=None, description="First day with drift.")
    drift_every: Duration | None = Field(
        default=None,
        description="Time after which the drift ends, then starts again, and so on; whole days. "
        "null: it stays.",
        examples=["8w"],
    )
    drift_strength: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0

    @model_validator(mode="after")
    def _drifts_on_whole_days(self) -> SimulatorSource:
        violations, every = [], self.drift_every
        if every is not None and (every < DAY or every % DAY):
            problem = "the world changes between days only"
            violations.append(
                Violation(
                    ("drift_every",),
                    problem,
                    format_duration(every),
                    "whole days, such as 56d or 8w",
                )
            )
        if every is not None and self.drift_from is None:
            problem = "this needs a first day on which the world has changed"
            violations.append(
                Violation(("drift_from",), problem, None, "a date, such as 2026-03-02")
            )
        raise_violations(violations)
        return self

    def has_drift(self, day: date) -> bool:
        """Return True when the rows of a UTC day have the drift."""
        if self.drift_from is None or day < self.drift_from:
            return False
        return self.drift_every is None or (day - self.drift_from) // self.drift_every % 2 == 0

    def next_change(self, day: date) -> date | None:
        """Return the first UTC day from `day` on with drift unlike the day before's, or None."""
        first, every = self.drift_from, self.drift_every
        if first is None or day <= first or every is None:
            return first if first is not None and day <= first else None
        return first - (first - day) // every * every


class CsvFormat(Part):
    """The form of CSV files, where it is another than RFC 4180's in UTF-8."""

    separator: Annotated[
        str, Field(min_length=1, max_length=1, description="The character between two cells.")
    ] = ","
    quote: Annotated[
        str | None,
        Field(min_length=1, max_length=1, description="The quotation mark; null: none."),
    ] = '"'
    decimal: Literal[".", ","] = Field(default=".", description="The decimal mark of numbers.")
    encoding: Annotated[
        str,
        Field(
            min_length=1,
            description="The encoding, by Python's name.",
            examples=["utf-8", "latin-1", "cp1252", "utf-16"],
        ),
    ] = "utf-8"
    header: Annotated[bool, Field(description="The first line has the names of the columns.")] = (
        True
    )
    names: list[str] = Field(
        default_factory=list,
        description="The names of the columns in order, for files without a header.",
    )
    skip_lines: Annotated[
        int, Field(ge=0, le=10_000, description="Lines before the header, which are skipped.")
    ] = 0

    @model_validator(mode="after")
    def _names_fit(self) -> CsvFormat:
        violations = []
        if self.header and self.names:
            problem = "files with a header have names of their own"
            allowed = "header: false beside names; or ingest.source.rename"
            violations.append(Violation(("names",), problem, ", ".join(self.names), allowed))
        if not self.header and not self.names:
            problem = "files without a header need the names of their columns"
            violations.append(Violation(("names",), problem, None, "the names in order"))
        for name in ("separator", "quote"):
            sign = getattr(self, name)
            if sign is not None and (not sign.isascii() or sign in "\r\n"):
                problem = "this cannot stand between or around cells"
                violations.append(Violation((name,), problem, sign, "one ASCII character"))
        if self.quote == self.separator:
            problem = "the quotation mark is the separator, too"
            violations.append(Violation(("quote",), problem, self.quote, "two characters"))
        if not _is_encoding(self.encoding):
            problem = "Python knows no such encoding"
            allowed = "such as utf-8, cp1252, latin-1, utf-16"
            violations.append(Violation(("encoding",), problem, self.encoding, allowed))
        if len(set(self.names)) < len(self.names):
            problem = "each column needs a name of its own"
            allowed = "different names"
            violations.append(Violation(("names",), problem, ", ".join(self.names), allowed))
        if self.decimal == self.separator:
            problem = "the decimal mark is the separator, too"
            violations.append(Violation(("decimal",), problem, self.decimal, "two characters"))
        raise_violations(violations)
        return self


def _is_encoding(name: str) -> bool:
    """Return whether Python can read texts of an encoding."""
    try:
        b"a".decode(name)
    except UnicodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True


class ExcelFormat(Part):
    """The place of the rows in an Excel file."""

    sheet: Annotated[str | None, Field(min_length=1, description="Its name; null: the first.")] = (
        None
    )
    skip_lines: Annotated[
        int, Field(ge=0, le=10_000, description="Lines before the header, which are skipped.")
    ] = 0


class FilesSource(Part):
    """CSV, Parquet, JSON-lines or Excel files: local, ``s3://``, ``gs://`` or ``https://``.

    `path` may hold the date placeholders ``{yyyy}``, ``{mm}``, ``{dd}`` and globs; a part of it
    that names something is no glob. A relative local path is relative to the model's folder; ``~/``
    is the home folder. ``https://`` needs `sha256`; its file is kept in the
    download cache. With `member`, the checksum is of the file from the archive. The checksum of a
    CSV file is of its text with LF line ends.
    """

    LATER: ClassVar[tuple[str, ...]] = ("csv", "excel")

    type: Literal["files"]
    format: Literal["csv", "parquet", "jsonl", "excel"]
    csv: CsvFormat | None = Field(default=None, description="The form of CSV files.")
    excel: ExcelFormat | None = Field(default=None, description="The place in Excel files.")
    path: Annotated[
        str,
        Field(
            min_length=1, examples=["data/{yyyy}-{mm}-{dd}.parquet", "s3://bucket/day={dd}/*.csv"]
        ),
    ]
    sha256: (
        Annotated[
            str, Field(pattern=r"^[0-9a-f]{64}$", description="64 lower-case hexadecimal digits")
        ]
        | None
    ) = None
    member: str | None = Field(
        default=None, description="The file to take from the archive when `path` is a .zip."
    )
    rename: dict[str, str] = Field(
        default_factory=dict, description="Source column -> declared column."
    )
    derive: dict[str, str] = Field(
        default_factory=dict,
        description="Declared column -> Polars SQL expression over the source's columns (as read, "
        "before `rename`).",
    )

    @model_validator(mode="after")
    def _options_are_of_the_format(self) -> FilesSource:
        raise_violations(
            [
                Violation((name,), f"these files are {self.format}", name, f"format: {name}")
                for name in ("csv", "excel")
                if getattr(self, name) is not None and name != self.format
            ]
        )
        return self

    @model_validator(mode="after")
    def _path_has_no_variable(self) -> FilesSource:
        if _VARIABLE.search(self.path):
            problem = (
                "environment variables are not replaced here: two machines would read two files"
            )
            allowed = "the path itself, ~/ for the home folder, or a path in the model's folder"
            raise violation_error(Violation(("path",), problem, self.path, allowed))
        return self

    @model_validator(mode="after")
    def _https_needs_checksum(self) -> FilesSource:
        if self.path.startswith("http://"):
            raise violation_error(
                Violation(
                    ("path",),
                    "http:// can be changed on the way",
                    self.path,
                    "https:// with a sha256",
                )
            )
        if self.path.startswith("https://") and self.sha256 is None:
            problem = "an https:// path needs a checksum, so that a changed file is noticed"
            raise violation_error(
                Violation(
                    ("sha256",),
                    problem,
                    None,
                    "the file's SHA-256, 64 lower-case hexadecimal digits",
                )
            )
        return self


class SqlSource(Part):
    """A database supported by SQLAlchemy: by `url` or by the id of an Airflow `connection`.

    `query` must use ``:start`` and ``:end``: the partition's UTC start and exclusive end.
    """

    type: Literal["sql"]
    query: Annotated[str, Field(min_length=1)]
    url: str | None = Field(
        default=None,
        description="An SQLAlchemy URL; of the form dialect+driver://user@host/database.",
    )
    connection: str | None = Field(default=None, description="The id of an Airflow connection.")

    @model_validator(mode="after")
    def _one_address_and_both_bounds(self) -> SqlSource:
        violations = []
        if (self.url is None) == (self.connection is None):
            received = "neither" if self.url is None else "both"
            problem = "one address is needed: `url` or `connection`"
            allowed = "exactly one of url (SQLAlchemy) and connection (an Airflow connection id)"
            violations.append(Violation((), problem, received, allowed))
        missing = [
            bound for bound in (":start", ":end") if not re.search(rf"(?<!:){bound}\b", self.query)
        ]
        if missing:
            problem = (
                f"the query does not use {' and '.join(missing)}, so it would read other days' rows"
            )
            violations.append(
                Violation(("query",), problem, self.query, "a query that uses both :start and :end")
            )
        raise_violations(violations)
        return self


class SourceAsset(Part):
    """An asset of Airflow: name and URI as in its producing DAG. One of them may be missing."""

    name: AssetText | None = Field(
        default=None, description="Name in the producing DAG.", examples=["rides"]
    )
    uri: AssetText | None = Field(
        default=None, description="URI in the producing DAG.", examples=["s3://lake/rides"]
    )

    @model_validator(mode="after")
    def _is_named(self) -> SourceAsset:
        if self.name is None and self.uri is None:
            allowed = "a name, a uri, or both: as the DAG that makes its data declares the asset"
            raise violation_error(
                Violation((), "an asset needs a name or a URI", "neither", allowed)
            )
        return self


Source = Annotated[SimulatorSource | FilesSource | SqlSource, Field(discriminator="type")]
