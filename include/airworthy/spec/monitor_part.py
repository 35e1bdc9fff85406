"""The ``monitor`` part of a spec: the checks of live rows, and the rules of retraining."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from airworthy.days import DAY
from airworthy.spec.fields import (
    Duration,
    Part,
    Share,
    Violation,
    format_duration,
    raise_violations,
    violation_error,
)
from airworthy.spec.schedules import Schedule

HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
_PERSIST = re.compile(r"^([1-9][0-9]?) of ([1-9][0-9]?)$")
Positive = Annotated[float, Field(gt=0.0)]
Production = Literal["auto", "predictions", "lake"]


class Persistence(NamedTuple):
    """``2 of 3``: a signal counts when it fired in `needed` of the last `of` windows."""

    needed: int
    of: int

    def __str__(self) -> str:
        """Return the form of the spec, such as ``2 of 3``."""
        return f"{self.needed} of {self.of}"


def parse_persistence(value: object) -> Persistence:
    """Parse ``"2 of 3"``.

    >>> parse_persistence("2 of 3")
    Persistence(needed=2, of=3)

    Raises:
        ValueError: when the text has another form; pydantic turns it into a fault of the spec.
    """
    if isinstance(value, Persistence):
        return value
    match = _PERSIST.match(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > int(match[2]):
        allowed = "K of M with K not above M and M at most 99, such as 2 of 3"
        raise violation_error(
            Violation((), "this does not say in how many of how many windows", value, allowed)
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
    """Thresholds of drift of a numeric column; exceeding one is enough."""

    distance: Positive = Field(
        default=0.15,
        description="Wasserstein distance, in standard deviations of the champion's training data.",
    )
    spread: Positive = Field(
        default=0.2, description="Difference of the standard deviations' natural logarithms."
    )
    missing: Positive = Field(default=0.05, description="Change of the share of missing values.")


class CategoricalDrift(Part):
    """Thresholds of drift of a column of categories, texts or booleans; exceeding one is enough."""

    distance: Positive = Field(
        default=0.1, description="Jensen-Shannon distance (natural logarithm): from 0 to 0.83."
    )
    new: Positive = Field(
        default=0.02,
        description="Rise of the share of values that do not occur in the training data.",
    )
    missing: Positive = Field(default=0.05, description="Change of the share of missing values.")


class Drift(Part):
    """The rule of drift of the live inputs."""

    numeric: NumericDrift = NumericDrift()
    categorical: CategoricalDrift = CategoricalDrift()
    false_discovery_rate: Annotated[
        float,
        Field(
            gt=0.0,
            le=0.5,
            description="False discovery rate among the drifted columns, by Benjamini and "
            "Hochberg.",
        ),
    ] = 0.01
    min_importance: Share = Field(
        default=0.01,
        description="Minimum share of the champion's gain that the drifted columns have in total.",
    )
    ignore: list[str] = Field(
        default_factory=list, description="Input columns left out of the drift check."
    )


class Performance(Part):
    """The rule of a loss of the champion's performance."""

    max_loss: Annotated[
        float,
        Field(
            gt=0.0,
            description="Allowed rise of the champion's error over its error on the holdout, as a "
            "share.",
        ),
    ] = 0.1
    significance: Annotated[
        float,
        Field(
            gt=0.0,
            le=0.5,
            description="Significance level of the test of this rise.",
        ),
    ] = 0.01


class Retrain(Part):
    """The rules of retraining."""

    persist: Persist = Field(
        default=Persistence(2, 3),
        description="In how many of the last windows a signal must have fired.",
    )
    cooldown: Duration = Field(
        default=WEEK,
        description="Minimum time from one retraining to the next, in the data's time.",
        json_schema_extra={"default": "7d", "examples": ["7d", "12h"]},
    )
    follow_up: bool = Field(
        default=True,
        description="Train again while the lookback fills with days after the change: after the "
        "holdout, the label delay and the cooldown, then after twice as long, and so on.",
    )
    min_labels: Annotated[
        int, Field(ge=10, description="Minimum number of labels to evaluate the champion's errors.")
    ] = 20
    max_rejected_in_a_row: Annotated[
        int,
        Field(
            ge=1,
            description="Number of challengers rejected in a row that stops retraining until a "
            "person acts. A worse champion gets one trial after twice the cooldown, then every "
            "four cooldowns.",
        ),
    ] = 3


class Monitor(Part):
    """The checks of live rows. Windows have no gaps, and start at UTC midnight or on Monday."""

    schedule: Schedule | None = Field(
        default="@hourly",
        description="Cron expression in UTC; null: only by hand. A window is checked once, when "
        "it is complete.",
        examples=["@hourly", "15 * * * *"],
    )
    production: Production = Field(
        default="auto",
        description="Source of the live rows: the prediction log, the newest partitions of the "
        "lake, "
        "or (auto) the log when it has `min_rows` of the window.",
    )
    window: Duration = Field(
        default=DAY,
        description="The length of a window: a part of a day, a day, or weeks.",
        json_schema_extra={"default": "1d", "examples": ["1h", "1d", "1w"]},
    )
    reference: Duration = Field(
        default=4 * WEEK,
        description="Length of the reference before the window; whole weeks.",
        json_schema_extra={"default": "28d", "examples": ["28d", "8w"]},
    )
    min_rows: Annotated[
        int, Field(ge=10, description="Minimum number of rows; a smaller window is inconclusive.")
    ] = 20
    drift: Drift = Drift()
    performance: Performance = Performance()
    retrain: Retrain = Retrain()

    @model_validator(mode="after")
    def _windows_fit(self) -> Monitor:
        violations = []
        hours = self.window >= HOUR and self.window % HOUR == DAY % self.window == timedelta(0)
        weeks = self.window >= WEEK and self.window % WEEK == timedelta(0)
        if not (hours or weeks):
            allowed = "1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d, or whole weeks"
            problem = "windows of this length do not fit into days or weeks"
            violations.append(
                Violation(("window",), problem, format_duration(self.window), allowed)
            )
        least = 2 * max(self.window, WEEK)
        if self.reference < least or self.reference % WEEK:
            allowed = f"whole weeks, at least {format_duration(least)}"
            problem = "the reference must hold windows of the same weekdays"
            violations.append(
                Violation(("reference",), problem, format_duration(self.reference), allowed)
            )
        raise_violations(violations)
        return self
