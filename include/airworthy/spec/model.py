"""The model spec: one frozen object per ``model.yaml``, its keys the stages.

Times are UTC. Durations are written ``28d``, ``12h``, ``30m``. Everything a spec may say is in these classes; the
JSON Schema for editors is made from them (``airworthy schema``).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from airworthy.spec.fields import ColumnType, Duration, ModelName, Part, Share
from airworthy.spec.sources import Source

Task = Literal["regression", "binary", "multiclass"]

METRICS: dict[str, tuple[str, ...]] = {
    "regression": ("rmse", "mae", "r2"),
    "binary": ("auc", "accuracy", "log_loss", "precision", "recall", "f1"),
    "multiclass": ("accuracy", "log_loss", "precision", "recall", "f1"),
}
LOWER_IS_BETTER = frozenset({"rmse", "mae", "log_loss"})
DAY = timedelta(days=1)


class Ingest(Part):
    """Where the rows come from and what each must look like."""

    source: Source
    event_time: Annotated[str, Field(min_length=1)]
    key: Annotated[list[str], Field(min_length=1)]
    label: Annotated[str, Field(min_length=1)]
    label_delay: Duration = timedelta(0)
    restate: Duration = Field(
        default=timedelta(0), description="How long after its end the source may still change a partition."
    )
    max_bad_share: Share = Field(default=0.05, description="More quarantined rows than this share stop the run.")
    columns: Annotated[dict[str, ColumnType], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_agree(self) -> Ingest:
        for what, names in (("key", self.key), ("label", [self.label])):
            unknown = [name for name in names if name not in self.columns]
            if unknown:
                raise ValueError(f"{what} {unknown} is not declared in `columns` ({', '.join(self.columns)})")
        if self.event_time in self.columns:
            raise ValueError(f"`columns` must not repeat the event time {self.event_time!r}: it is always a datetime")
        if self.label in self.key:
            raise ValueError(f"the label {self.label!r} cannot be part of the key")
        return self


class Expectation(Part):
    """One Great Expectations expectation by its own name; further keys are its own arguments."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^expect_[a-z0-9_]+$")]
    severity: Literal["critical", "warning"] = "critical"

    @property
    def arguments(self) -> dict[str, Any]:
        """The expectation's own arguments, as Great Expectations takes them."""
        return dict(self.model_extra or {})


class Distribution(Part):
    """How far a column may have moved from the champion's training data (population stability index)."""

    max_psi: Annotated[float, Field(gt=0)] = 0.25
    severity: Literal["critical", "warning"] = "warning"


class Validate(Part):
    """What must be true of the data before a model is trained on it. Each partition is one batch."""

    expectations: list[Expectation] = Field(default_factory=list)
    distribution: Distribution = Distribution()


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


class Baseline(Part):
    """The simple model to beat: the training mean (or class shares) within each group of these features."""

    by: list[str] = Field(default_factory=list)


class Train(Part):
    """How a challenger is made."""

    lookback: Duration
    holdout: Duration
    validation_share: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.15
    min_rows: Annotated[int, Field(ge=10)] = 500
    rounds: Annotated[int, Field(ge=1, le=100_000)] = 500
    early_stopping_rounds: Annotated[int, Field(ge=1)] = 25
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    search: Search | None = None
    baseline: Baseline = Baseline()
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _whole_days(self) -> Train:
        for name, value in (("lookback", self.lookback), ("holdout", self.holdout)):
            if value < DAY or value % DAY:
                raise ValueError(f"{name} must be a whole number of days, at least 1d")
        if self.holdout >= self.lookback:
            raise ValueError("holdout must be shorter than lookback, or nothing is left to train on")
        return self


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
        bounds = self.min is not None or self.max is not None
        wanted = {None: bounds, "champion": self.margin is not None, "baseline": self.better_by is not None}
        if not wanted[self.against]:
            need = {None: "`min` or `max`", "champion": "`margin`", "baseline": "`better_by`"}[self.against]
            raise ValueError(f"this gate needs {need}")
        if self.against is not None and bounds:
            raise ValueError("`min`/`max` do not go with `against`: write two gates")
        if self.against is not None and self.slice is not None:
            raise ValueError("`slice` goes with `min`/`max` only")
        if (self.against != "champion" and self.margin is not None) or (
            self.against != "baseline" and self.better_by is not None
        ):
            raise ValueError("`margin` goes with `against: champion`, `better_by` with `against: baseline`")
        return self

    @property
    def name(self) -> str:
        """A name that says what the gate checks, such as ``rmse against champion``."""
        by = f" against {self.against}" if self.against else f" in every {self.slice}" if self.slice else ""
        return f"{self.metric}{by}"


class Evaluate(Part):
    """What is measured on the holdout, and what it takes to fly."""

    slices: list[str] = Field(default_factory=list)
    decision_threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    confidence: Annotated[float, Field(ge=0.5, lt=1.0)] = 0.95
    resamples: Annotated[int, Field(ge=100, le=10_000)] = 300
    inconclusive: Literal["reject", "release"] = "reject"
    gates: Annotated[list[Gate], Field(min_length=1)]


class Parity(Part):
    """How closely the server's answers must match the offline predictions."""

    rows: Annotated[int, Field(ge=1, le=100_000)] = 500
    tolerance: Annotated[float, Field(gt=0.0)] = 1e-5


class Release(Part):
    """How a version that passed its gates takes over."""

    parity: Parity = Parity()


class ModelSpec(Part):
    """One model: everything Airworthy needs to build, judge and release it."""

    model: ModelName
    task: Task
    owner: Annotated[str, Field(min_length=1)]
    description: str = ""
    schedule: str | None = Field(default=None, description="Cron expression in UTC; null: only by hand or by trigger.")
    start: date = Field(default=date(2025, 1, 1), description="First day with data.")
    end: date | None = Field(default=None, description="Last day with data; null: today and on.")
    ingest: Ingest
    validate_: Validate = Field(default=Validate(), alias="validate")
    train: Train
    evaluate: Evaluate
    release: Release = Release()

    @model_validator(mode="after")
    def _parts_agree(self) -> ModelSpec:
        metrics = METRICS[self.task]
        for index, gate in enumerate(self.evaluate.gates):
            if gate.metric not in metrics:
                raise ValueError(
                    f"evaluate.gates[{index}].metric: {gate.metric!r} is not a metric of a {self.task} task; "
                    f"allowed: {', '.join(metrics)}"
                )
            if gate.slice is not None and gate.slice not in self.evaluate.slices:
                raise ValueError(
                    f"evaluate.gates[{index}].slice: {gate.slice!r} is not in evaluate.slices; "
                    f"allowed: {', '.join(self.evaluate.slices) or 'none is declared'}"
                )
        for name in self.evaluate.slices:
            if self.ingest.columns.get(name) not in {"category", "string", "bool", "int"}:
                raise ValueError(
                    f"evaluate.slices: {name!r} must be a declared column of type category, string, bool or int"
                )
        label_type = self.ingest.columns[self.ingest.label]
        allowed = {"regression": ("float", "int"), "binary": ("bool", "int"), "multiclass": ("category", "string")}
        if label_type not in allowed[self.task]:
            raise ValueError(
                f"ingest.label: a {self.task} label has type {' or '.join(allowed[self.task])}, not {label_type}"
            )
        if self.end is not None and self.end < self.start:
            raise ValueError(f"end: {self.end} is before start {self.start}")
        return self

    @property
    def inputs(self) -> dict[str, ColumnType]:
        """The columns that a prediction may see: all but key and label, and the event time first."""
        hidden = {*self.ingest.key, self.ingest.label}
        columns: dict[str, ColumnType] = {self.ingest.event_time: "datetime"}
        columns.update((name, kind) for name, kind in self.ingest.columns.items() if name not in hidden)
        return columns
