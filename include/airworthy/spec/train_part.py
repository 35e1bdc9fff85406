"""The ``train`` part of a spec: the training of a challenger."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, model_validator

from airworthy.days import DAY
from airworthy.spec.fields import (
    Duration,
    Part,
    Violation,
    format_duration,
    non_finite,
    raise_violations,
)

SearchRange = Annotated[list[float], Field(min_length=2, max_length=2)]
_SEARCH_SPACE: dict[str, list[float]] = {
    "max_depth": [3, 10],
    "learning_rate": [0.02, 0.3],
    "min_child_weight": [1, 20],
    "subsample": [0.6, 1.0],
    "colsample_bytree": [0.6, 1.0],
}


class Search(Part):
    """Optuna's search over XGBoost parameters, on the last part of the training rows."""

    trials: Annotated[int, Field(ge=1, le=1000)] = 20
    space: dict[str, SearchRange] = Field(default_factory=lambda: dict(_SEARCH_SPACE))

    @model_validator(mode="after")
    def _ranges_run_upwards(self) -> Search:
        allowed, problem = "[low, high] with low below high", "the range must run upwards"
        ranges = self.space.items()
        raise_violations(
            [
                Violation(("space", name), problem, ends, allowed)
                for name, ends in ranges
                if ends[0] >= ends[1]
            ]
        )
        return self


class Baseline(Part):
    """The baseline: the training mean (or the class shares) within each group of these features."""

    by: list[str] = Field(
        default_factory=list, description="Names of features; empty: one mean over all rows."
    )


class Train(Part):
    """The training of a challenger."""

    LATER: ClassVar[tuple[str, ...]] = ("split",)

    split: Literal["time", "hash"] = Field(
        default="time",
        description="time: the newest days are the holdout. hash: rows are divided by a hash of "
        "their key, for static data only.",
    )
    lookback: Duration = Field(description="Time before `as_of` to read; whole days.")
    holdout: Duration = Field(
        description="The last part of the lookback, kept for the evaluation; whole days."
    )
    validation_share: Annotated[
        float,
        Field(
            gt=0.0,
            lt=0.5,
            description="The last share of the training rows, for early stopping and search.",
        ),
    ] = 0.15
    min_rows: Annotated[
        int, Field(ge=10, description="Minimum number of training rows; fewer stop the run.")
    ] = 500
    rounds: Annotated[
        int, Field(ge=1, le=100_000, description="Maximum number of boosting rounds.")
    ] = 500
    early_stopping_rounds: Annotated[
        int, Field(ge=1, description="Number of rounds without a gain that ends the training.")
    ] = 25
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="XGBoost's parameters, by their names there.",
        examples=[{"max_depth": 6, "learning_rate": 0.1}],
    )
    search: Search | None = None
    baseline: Baseline = Baseline()
    seed: Annotated[
        int, Field(ge=0, le=2**31 - 1, description="Seed of all random generators.")
    ] = 0

    @model_validator(mode="after")
    def _whole_days(self) -> Train:
        violations = [
            Violation(
                (name,),
                "this must be whole days",
                format_duration(value),
                "a whole number of days, at least 1d",
            )
            for name, value in (("lookback", self.lookback), ("holdout", self.holdout))
            if value < DAY or value % DAY
        ]
        if self.holdout >= self.lookback:
            allowed = f"less than the lookback, {format_duration(self.lookback)}"
            problem = "nothing would be left to train on"
            violations.append(
                Violation(("holdout",), problem, format_duration(self.holdout), allowed)
            )
        violations += [
            Violation(
                ("parameters", name),
                "a parameter is a finite number",
                str(value),
                "a finite number, or leave the parameter out",
            )
            for name, value in self.parameters.items()
            if non_finite(value)
        ]
        raise_violations(violations)
        return self
