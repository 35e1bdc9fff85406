"""The model spec: one frozen object per ``model.yaml``, its keys the stages.

Times are UTC. Durations are written ``28d``, ``12h``, ``30m``. Everything a spec may say is in these classes; the
JSON Schema for editors is made from them (``airworthy schema``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from airworthy.days import DAY
from airworthy.spec.alerts_part import Alerts
from airworthy.spec.evaluate_part import KPI, METRICS, Evaluate, Task
from airworthy.spec.fields import (
    NO_TIME,
    ColumnType,
    Day,
    Duration,
    ModelName,
    Part,
    Share,
    Wrong,
    format_duration,
    refuse,
)
from airworthy.spec.monitor_part import Monitor
from airworthy.spec.release_part import Release
from airworthy.spec.schedules import Schedule
from airworthy.spec.score_part import Score
from airworthy.spec.sources_part import Source, SourceAsset

Severity = Literal["critical", "warning"]

LABEL_TYPES: dict[str, tuple[ColumnType, ...]] = {
    "regression": ("float", "int"),
    "binary": ("bool", "int"),
    "multiclass": ("category", "string"),
}
SLICE_TYPES: tuple[ColumnType, ...] = ("category", "string", "bool", "int")
BIN_TYPES: tuple[ColumnType, ...] = ("float", "int")
PARTITION = "partition"


class Ingest(Part):
    """Where the rows come from and what each must look like."""

    source: Source
    asset: SourceAsset | None = Field(
        default=None,
        description="The Airflow asset that the source is: new data in it trains the model, beside the schedule.",
    )
    event_time: Annotated[
        str,
        Field(min_length=1, description="The column, in UTC, that puts a row in its partition."),
    ]
    key: Annotated[
        list[str], Field(min_length=1, description="The columns that together name a row.")
    ]
    label: Annotated[str, Field(min_length=1, description="The column to predict.")]
    label_delay: Duration = Field(
        default=timedelta(0),
        description="How long after the event its label is known.",
        json_schema_extra=NO_TIME,
    )
    restate: Duration = Field(
        default=timedelta(0),
        description="How long after its end the source may still change a partition.",
        json_schema_extra=NO_TIME,
    )
    max_bad_share: Share = Field(
        default=0.05, description="More quarantined rows than this share stop the run."
    )
    columns: Annotated[
        dict[str, ColumnType],
        Field(
            min_length=1,
            description="Every column that is kept, with its type; the event time is always one more.",
        ),
    ]

    @model_validator(mode="after")
    def _names_agree(self) -> Ingest:
        declared = ", ".join(self.columns)
        problem = "this column is not declared in ingest.columns"
        wrong = [
            Wrong(("key", index), problem, name, declared)
            for index, name in enumerate(self.key)
            if name not in self.columns
        ]
        if self.label not in self.columns:
            wrong.append(Wrong(("label",), problem, self.label, declared))
        if self.event_time in self.columns:
            problem = "the event time is always a datetime and is not declared again"
            wrong.append(
                Wrong(
                    ("columns", self.event_time),
                    problem,
                    self.columns[self.event_time],
                    "no such column",
                )
            )
        if PARTITION in (*self.columns, self.event_time):
            problem = "the lake keeps the day of each row in a column of this name"
            wrong.append(
                Wrong(
                    ("columns", PARTITION),
                    problem,
                    self.columns.get(PARTITION, PARTITION),
                    "another name; files can be given a `rename`",
                )
            )
        if self.label in self.key:
            allowed = ", ".join(name for name in self.columns if name != self.label)
            wrong.append(
                Wrong(
                    ("key", self.key.index(self.label)), "the label is no key", self.label, allowed
                )
            )
        refuse(wrong)
        return self


class Expectation(Part):
    """One Great Expectations expectation by its own name; further keys are its own arguments."""

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
        """The expectation's own arguments, as Great Expectations takes them."""
        return dict(self.model_extra or {})


class Distribution(Part):
    """How far a column may have moved from the champion's training data (population stability index)."""

    max_psi: Annotated[float, Field(gt=0)] = 0.25
    severity: Severity = "warning"


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

    @model_validator(mode="after")
    def _ranges_run_upwards(self) -> Search:
        allowed, problem = "[low, high] with low below high", "the range must run upwards"
        ranges = self.space.items()
        refuse(
            [
                Wrong(("space", name), problem, ends, allowed)
                for name, ends in ranges
                if ends[0] >= ends[1]
            ]
        )
        return self


class Baseline(Part):
    """The simple model to beat: the training mean (or class shares) within each group of these features."""

    by: list[str] = Field(
        default_factory=list, description="Names of features; empty: one mean over all rows."
    )


class Train(Part):
    """How a challenger is made."""

    lookback: Duration = Field(description="How far back from `as_of` a run reads; whole days.")
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
        int, Field(ge=10, description="Fewer training rows than this stop the run.")
    ] = 500
    rounds: Annotated[int, Field(ge=1, le=100_000, description="Boosting rounds, at most.")] = 500
    early_stopping_rounds: Annotated[
        int, Field(ge=1, description="Rounds without a gain that end the training.")
    ] = 25
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="XGBoost's parameters by its own names.",
        examples=[{"max_depth": 6, "learning_rate": 0.1}],
    )
    search: Search | None = None
    baseline: Baseline = Baseline()
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Of every source of chance.")] = 0

    @model_validator(mode="after")
    def _whole_days(self) -> Train:
        wrong = [
            Wrong(
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
            wrong.append(Wrong(("holdout",), problem, format_duration(self.holdout), allowed))
        refuse(wrong)
        return self


class ModelSpec(Part):
    """One model: everything Airworthy needs to build, judge and release it."""

    model: ModelName
    task: Task = Field(
        description="What the label is: a number, yes or no, one of several classes."
    )
    owner: Annotated[str, Field(min_length=1, description="The team that answers for the model.")]
    description: str = ""
    schedule: Schedule | None = Field(
        default=None,
        description="Cron expression in UTC; null: only by hand or by trigger.",
        examples=["0 2 * * *", "@daily"],
    )
    start: Day = Field(default=date(2025, 1, 1), description="First day with data.")
    end: Day | None = Field(default=None, description="Last day with data; null: today and on.")
    ingest: Ingest
    validate_: Validate = Field(default=Validate(), alias="validate")
    train: Train
    evaluate: Evaluate
    release: Release = Release()
    monitor: Monitor = Monitor()
    alerts: Alerts = Alerts()
    score: Score | None = Field(
        default=None, description="Batch scoring with the champion; null: none."
    )

    @model_validator(mode="after")
    def _parts_agree(self) -> ModelSpec:
        evaluation = [*self._wrong_gates(), *self._wrong_slices(), *self._wrong_kpi()]
        refuse([*evaluation, *self._wrong_label(), *self._wrong_days(), *self._wrong_monitor()])
        return self

    def _wrong_gates(self) -> Iterator[Wrong]:
        metrics, slices = METRICS[self.task], self.evaluate.slice_columns
        metrics = (*metrics, KPI) if self.evaluate.kpi else metrics
        for index, gate in enumerate(self.evaluate.gates):
            at = ("evaluate", "gates", index)
            if gate.metric not in metrics:
                yield Wrong(
                    (*at, "metric"),
                    f"no metric of a {self.task} task",
                    gate.metric,
                    ", ".join(metrics),
                )
            if gate.slice is not None and gate.slice not in slices:
                allowed = ", ".join(slices) or "nothing until evaluate.slices names it"
                yield Wrong(
                    (*at, "slice"), "this slice is not in evaluate.slices", gate.slice, allowed
                )

    def _wrong_slices(self) -> Iterator[Wrong]:
        for index, slices in enumerate(self.evaluate.slices):
            types = SLICE_TYPES if slices.bins is None else BIN_TYPES
            usable = [name for name, kind in self.ingest.columns.items() if kind in types]
            if slices.column not in usable:
                kind = self.ingest.columns.get(slices.column)
                without = "slices" if slices.bins is None else "bins"
                problem = (
                    f"a column of type {kind} has no {without}"
                    if kind
                    else "this column is not declared"
                )
                allowed = (
                    f"columns of type {', '.join(types)}: {', '.join(usable) or 'none is declared'}"
                )
                if slices.bins is None and kind in BIN_TYPES:
                    allowed += f"; or {{column: {slices.column}, bins: [...]}}"
                yield Wrong(("evaluate", "slices", index), problem, slices.column, allowed)

    def _wrong_kpi(self) -> Iterator[Wrong]:
        costs = self.evaluate.kpi.costs if self.evaluate.kpi else None
        if costs is None:
            return
        if self.task == "regression":
            allowed = "kpi: {function: ...}, a function in behaviour.py"
            yield Wrong(
                ("evaluate", "kpi", "costs"),
                "a regression has no classes",
                f"{len(costs)} costs",
                allowed,
            )
        for index, cost in enumerate(costs if self.task == "binary" else []):
            for key, name in (("actual", cost.actual), ("predicted", cost.predicted)):
                if name not in ("0", "1"):
                    yield Wrong(
                        ("evaluate", "kpi", "costs", index, key),
                        "no class of a binary task",
                        name,
                        "0, 1",
                    )

    def _wrong_label(self) -> Iterator[Wrong]:
        kind, allowed = self.ingest.columns[self.ingest.label], LABEL_TYPES[self.task]
        if kind not in allowed:
            key = ("ingest", "columns", self.ingest.label)
            yield Wrong(key, f"a {self.task} label cannot have this type", kind, ", ".join(allowed))

    def _wrong_days(self) -> Iterator[Wrong]:
        if self.end is not None and self.end < self.start:
            yield Wrong(
                ("end",),
                "the last day is before the first",
                str(self.end),
                f"{self.start} or later",
            )

    def _wrong_monitor(self) -> Iterator[Wrong]:
        watched = [name for name, kind in self.inputs.items() if kind != "datetime"]
        for index, name in enumerate(self.monitor.drift.ignore):
            if name not in watched:
                key = ("monitor", "drift", "ignore", index)
                yield Wrong(key, "this is no column that is watched", name, ", ".join(watched))

    @property
    def inputs(self) -> dict[str, ColumnType]:
        """The columns that a prediction may see: all but key and label, and the event time first."""
        hidden = {*self.ingest.key, self.ingest.label}
        columns: dict[str, ColumnType] = {self.ingest.event_time: "datetime"}
        columns.update(
            (name, kind) for name, kind in self.ingest.columns.items() if name not in hidden
        )
        return columns
