"""The ``evaluate`` part of a spec: what is measured on the holdout, and the gates that decide."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from airworthy.spec.fields import Part, Wrong, refuse

Task = Literal["regression", "binary", "multiclass"]

METRICS: dict[str, tuple[str, ...]] = {
    "regression": ("rmse", "mae", "r2"),
    "binary": ("auc", "accuracy", "log_loss", "precision", "recall", "f1"),
    "multiclass": ("accuracy", "log_loss", "precision", "recall", "f1"),
}
LOWER_IS_BETTER = frozenset({"rmse", "mae", "log_loss"})


class Gate(Part):
    """One check with a threshold.

    ``min``/``max`` alone bound the metric; with ``slice`` they bound it in every slice of that column; ``against:
    champion`` allows at most ``margin`` (a share of the champion's value) of loss; ``against: baseline`` demands a
    gain of at least ``better_by`` (a share of the baseline's value).
    """

    metric: str
    min: float | None = None
    max: float | None = None
    slice: str | None = None
    min_rows: Annotated[int, Field(ge=1)] = 30
    against: Literal["champion", "baseline"] | None = None
    margin: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    better_by: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Gate:
        kind = f"with against: {self.against}" if self.against else "without `against`"
        usable = {None: ("min", "max"), "champion": ("margin",), "baseline": ("better_by",)}[self.against]
        given = [name for name in ("min", "max", "margin", "better_by") if getattr(self, name) is not None]
        wrong = [
            Wrong((name,), f"this threshold is of no use {kind}", getattr(self, name), " or ".join(usable))
            for name in given
            if name not in usable
        ]
        if not set(given) & set(usable):
            keys = ", ".join(["metric", *given])
            wrong.append(Wrong((), f"a gate {kind} needs `{'` or `'.join(usable)}`", keys, " or ".join(usable)))
        if self.against is not None and self.slice is not None:
            wrong.append(Wrong(("slice",), f"a slice is of no use {kind}", self.slice, "slice with min or max"))
        if self.min is not None and self.max is not None and self.min > self.max:
            wrong.append(Wrong(("min",), "no value can pass this gate", self.min, f"at most the max, {self.max}"))
        refuse(wrong)
        return self

    @property
    def name(self) -> str:
        """A name that says what the gate checks, such as ``rmse against champion``."""
        by = f" against {self.against}" if self.against else f" in every {self.slice}" if self.slice else ""
        return f"{self.metric}{by}"


class Evaluate(Part):
    """What is measured on the holdout, and what it takes to fly."""

    slices: list[str] = Field(default_factory=list, description="Columns by whose values the metrics are split.")
    decision_threshold: Annotated[
        float, Field(gt=0.0, lt=1.0, description="A binary model says yes from this probability on.")
    ] = 0.5
    confidence: Annotated[float, Field(ge=0.5, lt=1.0, description="Of the bootstrap's intervals.")] = 0.95
    resamples: Annotated[int, Field(ge=100, le=10_000, description="Of the paired bootstrap.")] = 300
    inconclusive: Literal["reject", "release"] = Field(
        default="reject", description="What becomes of a challenger when a gate could not be decided."
    )
    gates: Annotated[list[Gate], Field(min_length=1)]
