"""The ``ingest.source`` part of a spec: where a model's rows come from."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from airworthy.spec.fields import Part, Share


class SimulatorSource(Part):
    """A seeded generator: the same rows for the same day for ever."""

    type: Literal["simulator"]
    scenario: Literal["deliveries"] = "deliveries"
    rows_per_day: Annotated[int, Field(gt=0, le=50_000_000)] = 2000
    seed: Annotated[int, Field(ge=0)] = 0
    missing_share: Share = 0.01
    bad_share: Share = 0.001
    drift_from: date | None = None
    drift_strength: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0


class FilesSource(Part):
    """CSV or Parquet files: local, ``s3://``, ``gs://`` or ``https://``.

    `path` may hold the date placeholders ``{yyyy}``, ``{mm}``, ``{dd}`` and globs. A relative local path is relative
    to the model's folder. ``https://`` needs `sha256` and is kept in the download cache; with `member`, the checksum is
    that of the file taken from the archive. The checksum of a CSV file is taken over its text with LF line ends.
    """

    type: Literal["files"]
    format: Literal["csv", "parquet"]
    path: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    member: str | None = Field(default=None, description="The file to take from the archive when `path` is a .zip.")
    rename: dict[str, str] = Field(default_factory=dict, description="Source column -> declared column.")
    derive: dict[str, str] = Field(
        default_factory=dict,
        description="Declared column -> Polars SQL expression over the source's columns (as read, before `rename`).",
    )

    @model_validator(mode="after")
    def _https_needs_checksum(self) -> FilesSource:
        if self.path.startswith("http://"):
            raise ValueError("http:// is not allowed: use https:// with a sha256")
        if self.path.startswith("https://") and self.sha256 is None:
            raise ValueError("an https:// path needs `sha256`, so that a changed file is noticed")
        return self


class SqlSource(Part):
    """Any database that SQLAlchemy reaches: by `url` or by the id of an Airflow `connection`.

    `query` must use ``:start`` and ``:end``, which are bound to the partition's UTC start and exclusive end.
    """

    type: Literal["sql"]
    query: Annotated[str, Field(min_length=1)]
    url: str | None = None
    connection: str | None = None

    @model_validator(mode="after")
    def _one_address_and_both_bounds(self) -> SqlSource:
        if (self.url is None) == (self.connection is None):
            raise ValueError("give exactly one of `url` (SQLAlchemy) and `connection` (an Airflow connection id)")
        missing = [bound for bound in (":start", ":end") if bound not in self.query]
        if missing:
            raise ValueError(f"the query must use :start and :end; missing: {', '.join(missing)}")
        return self


Source = Annotated[SimulatorSource | FilesSource | SqlSource, Field(discriminator="type")]
