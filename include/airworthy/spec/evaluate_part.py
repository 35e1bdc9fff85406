"""The ``evaluate`` part of a spec: the metrics on the holdout, and the gates."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from airworthy.spec.fields import Part, Violation, raise_violations, violation_error
from airworthy.spec.waivers import Waiver, waiver_violations

Task = Literal["regression", "binary", "multiclass"]

METRICS: dict[str, tuple[str, ...]] = {
    "regression": ("rmse", "mae", "r2"),
    "binary": ("auc", "accuracy", "log_loss", "precision", "recall", "f1"),
    "multiclass": ("auc", "accuracy", "log_loss", "precision", "recall", "f1"),
}
KPI = "kpi"
LOSS_OF_TASK: dict[Task, str] = {
    "regression": "rmse",
    "binary": "log_loss",
    "multiclass": "log_loss",
}
DefaultGate = Literal["champion", "baseline", "slices"]
LOWER_IS_BETTER = frozenset({"rmse", "mae", "log_loss", KPI})


class Gate(Part):
    """One check with a threshold.

    ``min``/``max`` alone bound the metric. ``against: champion`` allows a loss of at most
    ``margin``, a share of the champion's value. With ``slice``, both hold in every slice of that
    column. ``against: baseline`` requires a gain of at least ``better_by``, a share of the
    baseline's value.
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
        usable = {None: ("min", "max"), "champion": ("margin",), "baseline": ("better_by",)}[
            self.against
        ]
        thresholds = [
            name
            for name in ("min", "max", "margin", "better_by")
            if getattr(self, name) is not None
        ]
        violations = [
            Violation(
                (name,),
                f"this threshold is of no use {kind}",
                getattr(self, name),
                " or ".join(usable),
            )
            for name in thresholds
            if name not in usable
        ]
        if not set(thresholds) & set(usable):
            keys = ", ".join(["metric", *thresholds])
            violations.append(
                Violation(
                    (), f"a gate {kind} needs `{'` or `'.join(usable)}`", keys, " or ".join(usable)
                )
            )
        if self.against == "baseline" and self.slice is not None:
            allowed = "slice with min, max, or against: champion"
            violations.append(
                Violation(("slice",), f"a slice is of no use {kind}", self.slice, allowed)
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            violations.append(
                Violation(
                    ("min",),
                    "no value can pass this gate",
                    self.min,
                    f"at most the max, {self.max}",
                )
            )
        raise_violations(violations)
        return self

    @property
    def name(self) -> str:
        """The gate's name for people, such as ``rmse against champion``."""
        against = f" against {self.against}" if self.against else ""
        slices = f" in every {self.slice}" if self.slice else ""
        return f"{self.metric}{against}{slices}"


class Slices(Part):
    """A column that splits the metrics: by its values, or, with `bins`, by ranges of its numbers.

    ``bins: [2, 5]`` gives three slices: below 2, from 2 to below 5, and 5 or more.
    """

    column: Annotated[str, Field(min_length=1)]
    bins: Annotated[list[float], Field(min_length=1, max_length=50)] | None = None

    @model_validator(mode="after")
    def _bins_run_upwards(self) -> Slices:
        if any(low >= high for low, high in pairwise(self.bins or [])):
            allowed = "numbers, each larger than the one before"
            raise violation_error(
                Violation(("bins",), "the bins must run upwards", self.bins, allowed)
            )
        return self


def _slices(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


SlicesOf = Annotated[Slices, BeforeValidator(_slices, json_schema_input_type=str | Slices)]


def _class_name(value: object) -> object:
    """Return the class as text: a model calls the classes of a binary label 0 and 1."""
    return str(int(value)) if isinstance(value, bool | int) else value


ClassName = Annotated[str, BeforeValidator(_class_name, json_schema_input_type=str | int | bool)]


class Cost(Part):
    """The cost of one row of class `actual` with the decision `predicted`."""

    actual: ClassName
    predicted: ClassName
    cost: float


class Kpi(Part):
    """The metric ``kpi``: the mean business cost of the predictions per row; lower is better."""

    costs: list[Cost] | None = Field(
        default=None,
        description="Cost matrix of a classification; a missing pair costs nothing.",
    )
    function: str | None = Field(
        default=None,
        description="A function in behaviour.py: labels and predictions (numpy arrays) in, one "
        "cost per row out.",
    )
    unit: str = Field(
        default="", description="Unit of the cost, for people.", examples=["EUR", "minutes"]
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Kpi:
        if (self.costs is None) == (self.function is None):
            given: JsonValue = "neither" if self.costs is None else "both"
            raise violation_error(
                Violation(
                    (), "a KPI has one definition", given, "exactly one of costs and function"
                )
            )
        pairs = [(cost.actual, cost.predicted) for cost in self.costs or []]
        problem, allowed = "this pair has a cost already", "each pair of actual and predicted once"
        raise_violations(
            [
                Violation(
                    ("costs", index), problem, f"actual {pair[0]}, predicted {pair[1]}", allowed
                )
                for index, pair in enumerate(pairs)
                if pair in pairs[:index]
            ]
        )
        return self


class GateWaiver(Waiver):
    """A default gate that is measured and not counted, with the reason."""

    gate: DefaultGate = Field(
        description="champion: not worse than the champion on the task's loss. baseline: better "
        "than the trained baseline. slices: not proved worse than the champion in a declared "
        "slice."
    )

    @property
    def rule(self) -> str:
        """The name of the waived gate."""
        return self.gate


class Evaluate(Part):
    """The metrics on the holdout, and the gates of a release."""

    LATER: ClassVar[tuple[str, ...]] = ("waive",)

    slices: list[SlicesOf] = Field(
        default_factory=list,
        description="Columns that split the metrics: by value, or by range with "
        "{column: ..., bins: [...]}.",
    )
    kpi: Kpi | None = Field(
        default=None, description="A business metric: a cost matrix, or a function."
    )
    behaviour_rows: Annotated[
        int,
        Field(
            ge=10,
            le=100_000,
            description="Maximum number of holdout rows for the tests of behaviour.py.",
        ),
    ] = 1000
    decision_threshold: Annotated[
        float,
        Field(
            gt=0.0,
            lt=1.0,
            description="A binary model predicts the positive class from this probability on.",
        ),
    ] = 0.5
    confidence: Annotated[
        float, Field(ge=0.5, lt=1.0, description="Confidence level of the bootstrap intervals.")
    ] = 0.95
    resamples: Annotated[
        int, Field(ge=100, le=10_000, description="Number of resamples of the paired bootstrap.")
    ] = 300
    inconclusive: Literal["reject", "release"] = Field(
        default="reject",
        description="Decision on a challenger with an inconclusive gate.",
    )
    gates: list[Gate] = Field(
        default_factory=list,
        description="The gates of this model. Default gates hold beside them.",
    )
    waive: list[GateWaiver] = Field(
        default_factory=list, description="Default gates that do not count, each with a reason."
    )

    @model_validator(mode="after")
    def _slices_once(self) -> Evaluate:
        names = self.slice_columns
        problem = "this column is sliced already"
        raise_violations(
            [
                Violation(("slices", index), problem, name, "each column once")
                for index, name in enumerate(names)
                if name in names[:index]
            ]
        )
        return self

    @model_validator(mode="after")
    def _waived_once(self) -> Evaluate:
        raise_violations(waiver_violations(self.waive))
        return self

    @property
    def slice_columns(self) -> list[str]:
        """The columns that split the metrics, in the spec's order."""
        return [slices.column for slices in self.slices]
