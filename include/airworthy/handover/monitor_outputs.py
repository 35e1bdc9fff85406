"""Outputs of the monitor: from live rows to the decision on retraining."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from airworthy.days import DAY
from airworthy.handover.stage_output import StageOutput
from airworthy.handover.train_outputs import CheckResult
from airworthy.spec.fields import format_duration

Aspect = Literal["distance", "spread", "new", "missing"]
Signal = Literal["skew", "drift", "label", "loss"]
SignalOutcome = Literal["quiet", "fired", "inconclusive"]
RetrainReason = Literal["drift", "performance"]
DecisionOutcome = Literal[
    "inconclusive", "quiet", "watching", "cooling_down", "circuit_open", "retrain"
]

MIN_OUTSIDE = 5
"""Fewer rows of requests outside the contract are no finding, whatever their share."""


class LiveWindow(StageOutput):
    """The newest complete live window: ``[start, end)`` in UTC, pinned for all checks.

    `production` is the source of the live rows. `version` is the Delta version of the lake's table
    when the rows come from there. `newest` is the time of the newest row. `champion` is the
    champion's version by the ledger, with the digest of its files; None: its entry has none.
    `decided` is true when the ledger already has a decision on this window; then no check is
    needed.
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
    champion_digest: str | None = None
    decided: bool = False


class DataCheck(StageOutput):
    """The expectations' results on the live inputs. `success` is false after a critical failure."""

    window: LiveWindow
    success: bool
    checks: list[CheckResult]
    evidence: str


class RequestCheck(StageOutput):
    """The rows of requests to the model servers between two looks of the monitor.

    Attributes:
        model: The model.
        since: The time of the look before, UTC; None: there was none.
        until: The time of this look, UTC.
        servers: The number of servers with counts.
        rows: Rows of requests.
        outside: Rows outside the contract, such as numbers that are not finite.
        columns: Column -> rows outside the contract by it.
        max_share: The largest allowed share of `outside`; None: any share.
    """

    model: str
    since: AwareDatetime | None
    until: AwareDatetime
    servers: int
    rows: int
    outside: int
    columns: dict[str, int] = Field(default_factory=dict)
    max_share: float | None

    @property
    def share(self) -> float:
        """The share of rows outside the contract; 0 without rows."""
        return self.outside / self.rows if self.rows else 0.0

    @property
    def too_many(self) -> bool:
        """True when the share is over its limit, by more than a few rows."""
        limit = self.max_share
        return limit is not None and self.outside >= MIN_OUTSIDE and self.share > limit

    @property
    def text(self) -> str:
        """The counts in words."""
        if not self.servers:
            return "no model server counts rows outside the contract"
        limit = "" if self.max_share is None else f" ({self.max_share:.2%} allowed)"
        counts = f"{self.outside:,} of {self.rows:,} rows of requests were outside the contract"
        return f"{counts}: {self.share:.2%}{limit}"


class AgeCheck(StageOutput):
    """The champion's age and the data's delay at `as_of`, in the data's time, with their limits.

    Attributes:
        model: The model.
        as_of: The exclusive end of the data of the run.
        champion: The champion's version; None: there is none.
        champion_as_of: The exclusive end of the champion's training data.
        champion_max_age: The champion's maximum age; None: any age.
        data_until: The end of the newest UTC day with rows.
        data_max_delay: The maximum time from `data_until` to `as_of`; None: any time.
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
        """True when the champion is older than its maximum age."""
        age, limit = self.champion_age, self.champion_max_age
        return age is not None and limit is not None and age > limit

    @property
    def data_too_late(self) -> bool:
        """True when the delay of the data is over its limit."""
        return (
            self.data_max_delay is not None and self.as_of - self.data_until > self.data_max_delay
        )

    @property
    def champion_age_text(self) -> str:
        """The champion's age in words."""
        if self.champion_as_of is None or self.champion_age is None:
            return "there is no champion"
        text = f"version {self.champion} has seen data up to {self.champion_as_of:%Y-%m-%d}"
        return f"{text}: {_days_ago(self.champion_age)}{_limit(self.champion_max_age)}"

    @property
    def data_delay_text(self) -> str:
        """The data's delay in words."""
        text = f"the source has rows up to {self.data_until:%Y-%m-%d}"
        delay = self.as_of - self.data_until
        return f"{text}: {_days_ago(delay)}{_limit(self.data_max_delay)}"


def _days_ago(age: timedelta) -> str:
    return f"{age / DAY:.1f} days ago"


def _limit(limit: timedelta | None) -> str:
    return "" if limit is None else f" ({format_duration(limit)} allowed)"


class Shift(StageOutput):
    """The shift of one aspect of a column.

    Attributes:
        column: The column.
        aspect: The aspect; see ``monitoring/effects.py`` for the units.
        effect: The size of the shift.
        threshold: The least effect that counts.
        natural: The effect between windows of the same season, root mean square.
        p_value: The probability of an effect at least as large without a change of the data.
        importance: The column's share of the champion's gain.
    """

    column: str
    aspect: Aspect
    effect: float
    threshold: float
    natural: float
    p_value: float
    importance: float


class ShiftCheck(StageOutput):
    """The comparison of a window's columns with a reference.

    `reference` describes the reference in words: `reference_windows` windows, of the same weekday
    and hours when it is `seasonal`. `shifts` has the largest ones; the evidence has all. `report`
    is Evidently's page.
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


class PerformanceCheck(StageOutput):
    """The champion's performance on the newest window with known labels, and the labels' shift.

    `value` is the metric on the window, `expected` the metric on the holdout, `rise` the relative
    increase from `expected` to `value`.
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


class WindowSignals(StageOutput):
    """The outcome of each signal on the window that ended at `end`, for this champion."""

    end: AwareDatetime
    champion: str
    signals: dict[Signal, SignalOutcome]


class DriftDecision(StageOutput):
    """The decision on retraining, with all its inputs.

    Attributes:
        model: The model.
        champion: Its champion's version; None: there is none, and nothing to decide.
        champion_as_of: The exclusive end of the champion's training data.
        window_start: Start of the live window.
        window_end: Its exclusive end.
        signals: The outcome of each signal on the window.
        words: Each signal in words.
        inputs: SHA-256 of the output of each check.
        windows: This champion's last windows by time, this one last.
        last_retrained: The end of the data of the newest training, run or requested.
        rejected_in_a_row: The number of newest challengers rejected in a row.
        blind_windows: The number of newest windows in a row in which nothing could be judged.
        blind_since: The end of the first of them; None without any.
        rules: The spec's ``monitor.retrain``.
        outcome: The decision.
        told: The decision in words.
        reason: The reason of a retraining.
        follows: End of the window that triggered the first training, when this one follows it up.
        train_as_of: The `as_of` of the new training, a UTC midnight.
        digest: SHA-256 of all the above.
        trigger: True when the training is triggered now.
        train_run_id: The run id of the triggered training: always the same for this decision.
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
    blind_windows: int = 0
    blind_since: AwareDatetime | None = None
    rules: dict[str, str | int]
    outcome: DecisionOutcome
    told: str
    reason: RetrainReason | None
    follows: AwareDatetime | None = None
    train_as_of: AwareDatetime
    digest: str
    trigger: bool
    train_run_id: str | None
    evidence: str
