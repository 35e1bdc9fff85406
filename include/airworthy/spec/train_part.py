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

AUTO: Literal["auto"] = "auto"
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

    # `recent` and `refit` are no such keys: they change every training, and so its key.
    LATER: ClassVar[tuple[str, ...]] = ("split", "holdout_share")

    split: Literal["time", "hash"] = Field(
        default="time",
        description="time: the newest days are the holdout. hash: rows are divided by a hash of "
        "their key, for static data only.",
    )
    lookback: Duration = Field(
        default=5 * DAY,
        description="Time before `as_of` to read; whole days. Required with split: time. "
        "With split: hash, its days are so many parts of the rows.",
        json_schema_extra={"default": "5d"},
    )
    holdout: Duration = Field(
        default=DAY,
        description="The last part of the lookback, kept for the evaluation; whole days. Required "
        "with split: time. With split: hash, so many parts of the rows.",
        json_schema_extra={"default": "1d"},
    )
    holdout_share: Annotated[
        float | None,
        Field(
            gt=0.0,
            lt=1.0,
            description="The share of the rows that is kept for the evaluation, with split: hash; "
            "null: holdout / lookback.",
        ),
    ] = None
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
    recent: Literal["auto"] | list[Duration] = Field(
        default=AUTO,
        description="Spans of the newest days before the holdout that are tried beside all of them; "
        "the best on the tuning rows wins. auto: a half and a quarter of the days; []: none.",
        examples=["auto", ["14d", "7d"], []],
    )
    refit: bool = Field(
        default=True,
        description="Fit once more on the tuning rows too, with the rounds that they gave. The "
        "holdout is never fitted on.",
    )
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
    def _keys_of_the_split(self) -> Train:
        violations = []
        if self.split == "time":
            for name in ("lookback", "holdout"):
                if name not in self.model_fields_set:
                    allowed = "whole days, such as 28d; or split: hash, for static rows"
                    violations.append(Violation((name,), "this key is required", None, allowed))
            if self.holdout_share is not None:
                problem, allowed = "this share is of split: hash", "holdout, in days"
                violations.append(
                    Violation(("holdout_share",), problem, self.holdout_share, allowed)
                )
        raise_violations(violations)
        return self

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
        for index, value in enumerate([] if self.recent == AUTO else self.recent):
            if value < DAY or value % DAY or value >= self.lookback - self.holdout:
                rest = format_duration(self.lookback - self.holdout)
                violations.append(
                    Violation(
                        ("recent", index),
                        "this is no span of the newest days before the holdout",
                        format_duration(value),
                        f"whole days, at least 1d, less than {rest}",
                    )
                )
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
