"""The model spec: one frozen object per ``model.yaml``, with the stages as its keys.

Times are UTC. Durations are written ``28d``, ``12h``, ``30m``. These classes define every key; the
JSON Schema for editors is generated from them (``airworthy schema``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from airworthy.spec.alerts_part import Alerts
from airworthy.spec.evaluate_part import KPI, METRICS, Evaluate, Task
from airworthy.spec.fields import ColumnType, Day, ModelName, Part, Violation, raise_violations
from airworthy.spec.ingest_part import Ingest
from airworthy.spec.monitor_part import Monitor
from airworthy.spec.release_part import Release
from airworthy.spec.schedules import Schedule
from airworthy.spec.score_part import Score
from airworthy.spec.serving_part import Serving
from airworthy.spec.train_part import Train
from airworthy.spec.validate_part import Validate

LABEL_TYPES: dict[str, tuple[ColumnType, ...]] = {
    "regression": ("float", "int"),
    "binary": ("bool", "int"),
    "multiclass": ("category", "string", "int"),
}
SLICE_TYPES: tuple[ColumnType, ...] = ("category", "string", "bool", "int")
BIN_TYPES: tuple[ColumnType, ...] = ("float", "int")


class ModelSpec(Part):
    """One model: its training, evaluation, release and monitoring."""

    model: ModelName
    task: Task = Field(
        description="Kind of the label: a number (regression), yes or no (binary), one of several "
        "classes "
        "(multiclass)."
    )
    owner: Annotated[str, Field(min_length=1, description="The team responsible for the model.")]
    description: str = ""
    schedule: Schedule | None = Field(
        default=None,
        description="Cron expression of the training in UTC; null: only by hand or by trigger.",
        examples=["0 2 * * *", "@daily"],
    )
    start: Day = Field(default=date(2025, 1, 1), description="First day with data.")
    end: Day | None = Field(default=None, description="Last day with data; null: today and on.")
    ingest: Ingest
    validate_: Validate = Field(default=Validate(), alias="validate")
    train: Train
    evaluate: Evaluate
    release: Release = Release()
    serving: Serving = Serving()
    monitor: Monitor = Monitor()
    alerts: Alerts = Alerts()
    score: Score | None = Field(
        default=None, description="Batch scoring with the champion; null: none."
    )

    @model_validator(mode="after")
    def _parts_agree(self) -> ModelSpec:
        evaluation = [*self._wrong_gates(), *self._wrong_slices(), *self._wrong_kpi()]
        raise_violations(
            [
                *evaluation,
                *self._wrong_label(),
                *self._wrong_days(),
                *self._wrong_monitor(),
                *self._wrong_split(),
            ]
        )
        return self

    def _wrong_gates(self) -> Iterator[Violation]:
        metrics, slices = METRICS[self.task], self.evaluate.slice_columns
        metrics = (*metrics, KPI) if self.evaluate.kpi else metrics
        for index, gate in enumerate(self.evaluate.gates):
            gate_key = ("evaluate", "gates", index)
            if gate.metric not in metrics:
                yield Violation(
                    (*gate_key, "metric"),
                    f"no metric of a {self.task} task",
                    gate.metric,
                    ", ".join(metrics),
                )
            if gate.slice is not None and gate.slice not in slices:
                allowed = ", ".join(slices) or "nothing until evaluate.slices names it"
                yield Violation(
                    (*gate_key, "slice"),
                    "this slice is not in evaluate.slices",
                    gate.slice,
                    allowed,
                )

    def _wrong_slices(self) -> Iterator[Violation]:
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
                yield Violation(("evaluate", "slices", index), problem, slices.column, allowed)

    def _wrong_kpi(self) -> Iterator[Violation]:
        costs = self.evaluate.kpi.costs if self.evaluate.kpi else None
        if costs is None:
            return
        if self.task == "regression":
            allowed = "kpi: {function: ...}, a function in behaviour.py"
            yield Violation(
                ("evaluate", "kpi", "costs"),
                "a regression has no classes",
                f"{len(costs)} costs",
                allowed,
            )
        for index, cost in enumerate(costs if self.task == "binary" else []):
            for key, name in (("actual", cost.actual), ("predicted", cost.predicted)):
                if name not in ("0", "1"):
                    yield Violation(
                        ("evaluate", "kpi", "costs", index, key),
                        "no class of a binary task",
                        name,
                        "0, 1",
                    )

    def _wrong_label(self) -> Iterator[Violation]:
        kind, allowed = self.ingest.columns[self.ingest.label], LABEL_TYPES[self.task]
        if kind not in allowed:
            key = ("ingest", "columns", self.ingest.label)
            yield Violation(
                key, f"a {self.task} label cannot have this type", kind, ", ".join(allowed)
            )
        if self.ingest.positive is not None and self.task != "binary":
            problem = f"a {self.task} label has no value that means yes"
            yield Violation(
                ("ingest", "positive"),
                problem,
                str(self.ingest.positive),
                "nothing, or task: binary",
            )

    def _wrong_days(self) -> Iterator[Violation]:
        if self.end is not None and self.end < self.start:
            yield Violation(
                ("end",),
                "the last day is before the first",
                str(self.end),
                f"{self.start} or later",
            )

        for name, first in self.ingest.since.items():
            if first <= self.start or (self.end is not None and first > self.end):
                last = f" to {self.end}" if self.end is not None else ""
                yield Violation(
                    ("ingest", "since", name),
                    "a column that appears later appears after the first day and before the end",
                    str(first),
                    f"a day after {self.start}{last}; no line for a column that is always there",
                )

    def _wrong_monitor(self) -> Iterator[Violation]:
        columns = [name for name, kind in self.inputs.items() if kind != "datetime"]
        for index, name in enumerate(self.monitor.drift.ignore):
            if name not in columns:
                key = ("monitor", "drift", "ignore", index)
                yield Violation(key, "this is no column that is watched", name, ", ".join(columns))

    def _wrong_split(self) -> Iterator[Violation]:
        static, split = self.ingest.static, self.train.split
        if static and split == "time":
            problem = "static rows have no time to be divided by"
            yield Violation(("train", "split"), problem, split, "hash")
        if split == "hash" and not static:
            problem = (
                "rows with a time are divided by it, so that the model is judged on the future"
            )
            yield Violation(("train", "split"), problem, split, "time; or ingest.static: true")

    @property
    def inputs(self) -> dict[str, ColumnType]:
        """The columns of a prediction request: the event time first, then all but key and label.

        Static rows have no event time. Key columns in `key_inputs` are inputs, too.
        """
        ingest = self.ingest
        excluded = {*ingest.key, ingest.label} - set(ingest.key_inputs)
        return {
            name: kind
            for name, kind in ingest.source_columns.items()
            if name not in excluded or (name == ingest.event_time and not ingest.static)
        }
