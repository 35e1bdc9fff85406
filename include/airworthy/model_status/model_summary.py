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
        promised: The limit of the spec's gate on this metric; without such a gate, the champion's
            own figure at its release; None: neither is known.
        higher_is_better: Whether a larger value is better.
        kept: Whether the promise is kept. With a gate: the value is within it. Without: the monitor
            found no loss of performance in the live rows, or the value on a holdout is worse than at
            the release by no more than ``monitor.performance.max_loss``. None: nothing is promised.
        measured_on: ``live`` rows with labels, or a ``holdout``: the newest one on which the
            champion was evaluated, of its own training or of a later challenger's.
        at: The exclusive end of the rows behind the value, in the data's time, ISO 8601 in UTC. Of
            a holdout, the end of its run's data.
    """

    metric: str
    value: float
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
        drift: The monitor's newest decision on the champion: ``drift`` when a signal fired,
            ``blind`` when nothing could be judged; ``not_judged_yet``: there is none;
            ``not_monitored``: the spec has no schedule for the monitor, and there is none.
        drifted: The columns that moved, the most important first, then ``label`` and ``loss`` when
            these signals fired. Without the check's evidence, the names of the signals.
        traffic: Who answers by the ledger; shares sum to 100, or the list is empty. A person's flag
            in a model server may say otherwise (``flag_override`` in the ledger).
        last_entry_at: Time of the ledger's newest entry, ISO 8601 in UTC, or None.
        last_run_id: Run behind the newest verdict or registration, or None.
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
