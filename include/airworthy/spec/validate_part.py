"""The ``validate`` part of a spec: the checks of the data before training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from airworthy.spec.fields import Day, Part, raise_violations
from airworthy.spec.waivers import Waiver, waiver_violations

Severity = Literal["critical", "warning"]
DefaultExpectation = Literal["schema", "nulls", "row_count"]


class Expectation(Part):
    """One expectation of Great Expectations, by its name there; further keys are its arguments."""

    model_config = ConfigDict(frozen=True, extra="allow")

    __pydantic_extra__: dict[str, JsonValue]

    type: Annotated[
        str,
        Field(
            pattern=r"^expect_[a-z0-9_]+$",
            description="an expectation of Great Expectations by its own name",
            examples=["expect_column_values_to_be_between", "expect_column_values_to_not_be_null"],
        ),
    ]
    severity: Severity = Field(
        default="critical", description="A critical failure stops the run; a warning is noted."
    )

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the expectation for Great Expectations."""
        return dict(self.model_extra or {})


class Distribution(Part):
    """The check of the newest window for shifts from the champion's training data."""

    max_psi: Annotated[
        float,
        Field(
            gt=0,
            description="How far a column may shift, on the scale of the former stability index: "
            "0.25 means the thresholds of monitor.drift, 0.5 twice these.",
        ),
    ] = 0.25
    severity: Severity = "warning"


class DataWaiver(Waiver):
    """A default expectation that does not stop the run: it is measured, and told as waived."""

    expectation: DefaultExpectation = Field(description="The default expectation.")
    days: list[Day] = Field(
        default_factory=list,
        description="The UTC days that it is waived for; empty: every day.",
        examples=[["2026-12-25"]],
    )

    @property
    def rule(self) -> str:
        """The default expectation."""
        return self.expectation


class Validate(Part):
    """The checks of the data before training. Each partition is one batch.

    Beside the listed expectations, three hold by default: the declared columns (schema), the share
    of missing values of each column (nulls) and the number of rows (row_count) of a day against
    recent days. An expectation on a column's missing values, or on the number of rows, replaces the
    default one.
    """

    expectations: list[Expectation] = Field(default_factory=list)
    waive: list[DataWaiver] = Field(
        default_factory=list, description="Default expectations that do not stop a run."
    )
    distribution: Distribution = Distribution()

    @model_validator(mode="after")
    def _waived_once(self) -> Validate:
        raise_violations(waiver_violations(self.waive))
        return self
