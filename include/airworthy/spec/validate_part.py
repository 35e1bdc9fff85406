"""The ``validate`` part of a spec: the checks of the data before training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from airworthy.spec.fields import Part

Severity = Literal["critical", "warning"]


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
    """Maximum shift of a column from the champion's training data (population stability index)."""

    max_psi: Annotated[float, Field(gt=0)] = 0.25
    severity: Severity = "warning"


class Validate(Part):
    """The checks of the data before training. Each partition is one batch."""

    expectations: list[Expectation] = Field(default_factory=list)
    distribution: Distribution = Distribution()
