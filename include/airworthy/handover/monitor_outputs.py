"""From live rows to the decision whether to train again."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from airworthy.days import DAY
from airworthy.handover.train_outputs import CheckResult, Ref
from airworthy.spec.fields import format_duration

Aspect = Literal["distance", "spread", "new", "missing"]
Signal = Literal["skew", "drift", "label", "loss"]
SignalOutcome = Literal["quiet", "fired", "inconclusive"]
RetrainReason = Literal["drift", "performance"]
DecisionOutcome = Literal[
    "inconclusive", "quiet", "watching", "cooling_down", "circuit_open", "retrain"
]


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


class AgeCheck(Ref):
    """How old the champion and how late the data are at `as_of`, in the data's own time, and how much is allowed.

    Attributes:
        model: The model.
        as_of: Up to when the run may see data.
        champion: The champion's version; None: there is none.
        champion_as_of: Up to when its training saw data.
        champion_max_age: How old it may be; None: any age.
        data_until: The end of the newest UTC day with rows.
        data_max_delay: How long ago that may be; None: any time.
    """

    model: str
    as_of: AwareDatetime
    champion: str | None
    champion_as_of: AwareDatetime | None
    champion_max_age: timedelta | None
    data_until: AwareDatetime
    data_max_delay: timedelta | None

    @property
    def champion_age(self) -> timedelta | None:
        """The champion's age; None: there is no champion."""
        return None if self.champion_as_of is None else self.as_of - self.champion_as_of

    @property
    def champion_too_old(self) -> bool:
        """Whether the champion is older than it may be."""
        age, most = self.champion_age, self.champion_max_age
        return age is not None and most is not None and age > most

    @property
    def data_too_late(self) -> bool:
        """Whether the newest data are older than they may be."""
        return (
            self.data_max_delay is not None and self.as_of - self.data_until > self.data_max_delay
        )

    @property
    def champion_words(self) -> str:
        """The champion's age in words."""
        if self.champion_as_of is None or self.champion_age is None:
            return "there is no champion"
        known = f"version {self.champion} has seen data up to {self.champion_as_of:%Y-%m-%d}"
        return f"{known}: {_days(self.champion_age)}{_allowed(self.champion_max_age)}"

    @property
    def data_words(self) -> str:
        """The data's delay in words."""
        age = _days(self.as_of - self.data_until)
        return f"the source has rows up to {self.data_until:%Y-%m-%d}: {age}{_allowed(self.data_max_delay)}"


def _days(age: timedelta) -> str:
    return f"{age / DAY:.1f} days ago"


def _allowed(most: timedelta | None) -> str:
    return "" if most is None else f" ({format_duration(most)} allowed)"


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
