"""From live rows to the decision whether to train again."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from airworthy.handover.delivery import CheckResult, Ref

Aspect = Literal["distance", "spread", "new", "missing"]
Signal = Literal["skew", "drift", "label", "loss"]
SignalOutcome = Literal["quiet", "fired", "inconclusive"]
RetrainReason = Literal["drift", "performance"]
DecisionOutcome = Literal["inconclusive", "quiet", "watching", "cooling_down", "circuit_open", "retrain"]


class LiveWindow(Ref):
    """The newest complete window of production: ``[start, end)`` in UTC, pinned, so that every check sees the same.

    `version` is the Delta version of the lake's table, when the rows come from there; `newest` the newest row's time.
    `decided`: the ledger holds a decision on this window already, and there is nothing left to check.
    """

    model: str
    start: AwareDatetime
    end: AwareDatetime
    production: Literal["predictions", "lake"]
    version: int | None
    rows: int
    quarantined: int
    newest: AwareDatetime | None
    champion: str | None
    decided: bool = False


class DataCheck(Ref):
    """The expectations on the live inputs; only a critical failure makes `success` false."""

    window: LiveWindow
    success: bool
    checks: list[CheckResult]
    evidence: str


class Shift(Ref):
    """How far one aspect of a column has moved.

    Attributes:
        column: The column.
        aspect: What moved; see ``monitoring/effects.py`` for the units.
        effect: How far.
        threshold: From here on it counts.
        natural: How far windows of the same season differ by chance and custom, root mean square.
        p_value: How likely so great an effect is when nothing happened.
        importance: The column's share of the champion's gain.
    """

    column: str
    aspect: Aspect
    effect: float
    threshold: float
    natural: float
    p_value: float
    importance: float


class ShiftCheck(Ref):
    """How a window's columns lie against a reference, and whether that matters.

    `reference` says in words what the window was compared with: `reference_windows` windows, of the same weekday and
    hours when it is `seasonal`. `shifts` has the weightiest ones; the evidence has all. `report` is Evidently's page.
    """

    signal: Signal
    outcome: SignalOutcome
    words: str
    reference: str
    reference_windows: int = 0
    reference_rows: int = 0
    seasonal: bool = False
    shifts: list[Shift] = Field(default_factory=list)
    drifted: list[str] = Field(default_factory=list)
    drifted_importance: float = 0.0
    evidence: str
    report: str | None = None


class PerformanceCheck(Ref):
    """The champion on the newest window whose labels are known, and the labels themselves.

    `value` is the metric there, `expected` what the holdout promised, `rise` by what share it lies above.
    """

    start: AwareDatetime
    end: AwareDatetime
    labels: int
    metric: str
    outcome: SignalOutcome
    words: str
    value: float | None = None
    expected: float | None = None
    rise: float | None = None
    p_value: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    label: ShiftCheck
    evidence: str


class WindowSignals(Ref):
    """What each signal said of the window that ended at `end`, about this champion."""

    end: AwareDatetime
    champion: str
    signals: dict[Signal, SignalOutcome]


class DriftDecision(Ref):
    """Whether to train again, with everything that the decision rests on.

    Attributes:
        model: The model.
        champion: Its champion's version; None: there is none, and nothing to decide.
        champion_as_of: Up to when the champion's training saw data.
        window_start: Of the live window.
        window_end: Its exclusive end.
        signals: What each signal said of it.
        words: Each signal in words.
        inputs: SHA-256 of what each check handed over.
        windows: This champion's last windows by time, this one last.
        last_retrained: Up to when the newest training saw data, or was asked for.
        rejected_in_a_row: How many of the newest challengers were refused.
        rules: The spec's ``monitor.retrain``.
        outcome: What follows.
        told: The outcome in words.
        reason: Why training is to be done again.
        train_as_of: Up to when the new training may see data, a UTC midnight.
        digest: SHA-256 of all the above.
        trigger: Whether training is to be triggered now.
        train_run_id: The run id of the training that is triggered: the same whenever this decision is asked for.
        evidence: The folder with every input: all shifts, the reports, this decision.
    """

    model: str
    champion: str | None
    champion_as_of: AwareDatetime | None
    window_start: AwareDatetime
    window_end: AwareDatetime
    signals: dict[Signal, SignalOutcome]
    words: dict[Signal, str]
    inputs: dict[str, str]
    windows: list[WindowSignals]
    last_retrained: AwareDatetime | None
    rejected_in_a_row: int
    rules: dict[str, str | int]
    outcome: DecisionOutcome
    told: str
    reason: RetrainReason | None
    train_as_of: AwareDatetime
    digest: str
    trigger: bool
    train_run_id: str | None
    evidence: str
