"""The ``monitor`` part of a spec: what is watched in flight, and what it takes to retrain."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from airworthy.days import DAY
from airworthy.spec.fields import Duration, Part, Share, Wrong, format_duration, refuse, rejection
from airworthy.spec.schedules import Schedule

HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
_PERSIST = re.compile(r"^([1-9][0-9]?) of ([1-9][0-9]?)$")
Positive = Annotated[float, Field(gt=0.0)]
Production = Literal["auto", "predictions", "lake"]


class Persistence(NamedTuple):
    """``2 of 3``: a signal counts when it was there in `needed` of the last `of` windows."""

    needed: int
    of: int

    def __str__(self) -> str:
        """Return it as the spec writes it."""
        return f"{self.needed} of {self.of}"


def parse_persistence(value: object) -> Persistence:
    """Turn ``"2 of 3"`` into a `Persistence`.

    Raises:
        ValueError: when the text is no such thing (pydantic turns it into a fault of the spec).
    """
    if isinstance(value, Persistence):
        return value
    match = _PERSIST.match(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > int(match[2]):
        allowed = "K of M with K not above M and M at most 99, such as 2 of 3"
        raise rejection(
            Wrong((), "this does not say in how many of how many windows", value, allowed)
        )
    return Persistence(int(match[1]), int(match[2]))


Persist = Annotated[
    Persistence,
    BeforeValidator(
        parse_persistence, json_schema_input_type=Annotated[str, Field(pattern=_PERSIST.pattern)]
    ),
    PlainSerializer(str, return_type=str),
    Field(json_schema_extra={"default": "2 of 3", "examples": ["2 of 3", "1 of 1"]}),
]


class NumericDrift(Part):
    """How far a column of numbers must have moved to count as drifted; any one of these is enough."""

    distance: Positive = Field(
        default=0.15,
        description="Wasserstein distance, in standard deviations of the champion's training data.",
    )
    spread: Positive = Field(
        default=0.2, description="Difference of the standard deviations' natural logarithms."
    )
    missing: Positive = Field(default=0.05, description="Change of the share of missing values.")


class CategoricalDrift(Part):
    """How far a column of categories, texts or truth values must have moved; any one of these is enough."""

    distance: Positive = Field(
        default=0.1, description="Jensen-Shannon distance (natural logarithm): from 0 to 0.83."
    )
    new: Positive = Field(
        default=0.02, description="Rise of the share of values that the training data did not have."
    )
    missing: Positive = Field(default=0.05, description="Change of the share of missing values.")


class Drift(Part):
    """When the inputs of production count as drifted."""

    numeric: NumericDrift = NumericDrift()
    categorical: CategoricalDrift = CategoricalDrift()
    false_discovery_rate: Annotated[
        float,
        Field(
            gt=0.0,
            le=0.5,
            description="Of the columns found to have moved, by Benjamini and Hochberg.",
        ),
    ] = 0.01
    min_importance: Share = Field(
        default=0.01,
        description="Share of the champion's gain that the drifted columns must carry together.",
    )
    ignore: list[str] = Field(
        default_factory=list, description="Input columns that are not watched."
    )


class Performance(Part):
    """When the champion counts as worse than it was."""

    max_loss: Annotated[
        float,
        Field(
            gt=0.0,
            description="Rise of the champion's error over what its holdout promised, as a share.",
        ),
    ] = 0.2
    significance: Annotated[
        float,
        Field(
            gt=0.0,
            le=0.5,
            description="Chance at which so great a rise would come without a reason.",
        ),
    ] = 0.01


class Retrain(Part):
    """What it takes to train again."""

    persist: Persist = Field(
        default=Persistence(2, 3), description="In how many of how many windows it was there."
    )
    cooldown: Duration = Field(
        default=DAY,
        description="From one retraining to the next, in the data's own time.",
        json_schema_extra={"default": "1d", "examples": ["1d", "12h"]},
    )
    min_labels: Annotated[
        int, Field(ge=10, description="Fewer labels say nothing of the champion's errors.")
    ] = 1000
    max_rejected_in_a_row: Annotated[
        int, Field(ge=1, description="After so many rejected challengers a person has to look.")
    ] = 3


class Monitor(Part):
    """What is watched in flight. Windows follow one another without a gap, from UTC midnight or from Monday."""

    schedule: Schedule | None = Field(
        default="@hourly",
        description="Cron expression in UTC; null: only by hand. A window is judged once, when it is complete.",
        examples=["@hourly", "15 * * * *"],
    )
    production: Production = Field(
        default="auto",
        description="Where live rows come from: the prediction log, the newest partitions of the lake, "
        "or (auto) the log when it has `min_rows` of the window.",
    )
    window: Duration = Field(
        default=DAY,
        description="The length of a window: a part of a day, a day, or weeks.",
        json_schema_extra={"default": "1d", "examples": ["1h", "1d", "1w"]},
    )
    reference: Duration = Field(
        default=4 * WEEK,
        description="How far back recent production goes; whole weeks.",
        json_schema_extra={"default": "28d", "examples": ["28d", "8w"]},
    )
    min_rows: Annotated[int, Field(ge=10, description="A window with fewer rows says nothing.")] = (
        500
    )
    drift: Drift = Drift()
    performance: Performance = Performance()
    retrain: Retrain = Retrain()

    @model_validator(mode="after")
    def _windows_fit(self) -> Monitor:
        wrong = []
        hours = self.window >= HOUR and self.window % HOUR == DAY % self.window == timedelta(0)
        weeks = self.window >= WEEK and self.window % WEEK == timedelta(0)
        if not (hours or weeks):
            allowed = "1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d, or whole weeks"
            problem = "windows of this length do not fit into days or weeks"
            wrong.append(Wrong(("window",), problem, format_duration(self.window), allowed))
        least = 2 * max(self.window, WEEK)
        if self.reference < least or self.reference % WEEK:
            allowed = f"whole weeks, at least {format_duration(least)}"
            problem = "the reference must hold windows of the same weekdays"
            wrong.append(Wrong(("reference",), problem, format_duration(self.reference), allowed))
        refuse(wrong)
        return self
