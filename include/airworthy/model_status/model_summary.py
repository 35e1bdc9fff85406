"""One model's line in a list of models: what serves, how well, and what waits for a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from airworthy.versions.model_state import ModelState

DriftState = Literal["none", "drift", "blind", "not_monitored", "not_judged_yet"]


@dataclass(frozen=True)
class Quality:
    """A figure of quality beside what is promised for it.

    Attributes:
        metric: The metric's name, such as ``rmse``.
        value: Its newest value.
        lower: The lower end of its interval, or None.
        upper: The upper end of its interval, or None.
        promised: The limit that the spec states, or the champion's own figure at its release; None:
            nothing is promised.
        higher_is_better: Whether a larger value is better.
        kept: Whether the promise is kept; None: nothing is promised.
        measured_on: ``live`` rows with labels, or the ``holdout`` of the champion's release.
        at: The time of the figure, ISO 8601 in UTC.
    """

    metric: str
    value: float
    lower: float | None
    upper: float | None
    promised: float | None
    higher_is_better: bool
    kept: bool | None
    measured_on: Literal["live", "holdout"]
    at: str


@dataclass(frozen=True)
class TrafficShare:
    """A version's part of a model's requests.

    Attributes:
        version: The version.
        role: Its role.
        percent: Its share in percent. A shadow has 0.
    """

    version: str
    role: Literal["champion", "challenger", "shadow"]
    percent: float


@dataclass(frozen=True)
class ModelSummary:
    """One model's line. It comes from spec and ledger alone: no service is asked.

    Attributes:
        state: Champion, rollout, verdict, and what waits for a person.
        description: The spec's description.
        owner: The spec's owner, or None without a spec.
        schedule: The spec's schedule, or None.
        quality: The newest figure of quality, or None.
        drift: The newest answer of the monitor.
        drifted: The features or signals behind ``drift``.
        traffic: Who answers; shares sum to 100, or the list is empty.
        last_entry_at: Time of the ledger's newest entry, ISO 8601 in UTC, or None.
        last_run_id: Run behind the newest entry that a train run wrote, or None.
        entries: Number of the ledger's entries.
    """

    state: ModelState
    description: str = ""
    owner: str | None = None
    schedule: str | None = None
    quality: Quality | None = None
    drift: DriftState = "not_monitored"
    drifted: list[str] = field(default_factory=list)
    traffic: list[TrafficShare] = field(default_factory=list)
    last_entry_at: str | None = None
    last_run_id: str | None = None
    entries: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the summary as JSON values; the keys of the state are beside the others."""
        values = asdict(self)
        del values["state"]
        return self.state.as_json() | values
