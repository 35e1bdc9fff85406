"""From a registered version to one that serves, and back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from airworthy.handover.train_outputs import Ref

ApprovalDecision = Literal["approve", "reject", "timeout"]
WatchedStep = Literal["shadow"] | Annotated[int, Field(ge=1, le=99)]
RolloutState = Literal["waiting", "baking", "done", "tripped", "held"]
Named = Annotated[str, Field(min_length=1)]


class ParityResult(Ref):
    """How a version did in staging's server: its answers against the offline predictions, and what it costs there.

    Latencies are of single-row requests, one after the other, in milliseconds. `load_seconds` is from the request to
    load it to its first answer, `memory_mib` what the server's memory grew by, `size_mib` the size of its files.
    `breaches` says in words which of these are over the spec's budget; a version that has any is not released.
    """

    version: str
    rows: int
    max_difference: float
    tolerance: float
    matched: bool
    p50_ms: float
    p99_ms: float
    load_seconds: float | None = None
    memory_mib: float | None = None
    size_mib: float | None = None
    breaches: list[str] = Field(default_factory=list)


class ApprovalAnswer(Ref):
    """What came back when a person was asked to approve a version; `timeout`: nobody answered in time.

    `at` is when the answer was given: the same in every retry. A later answer of the same run replaces an earlier one.
    """

    decision: ApprovalDecision
    who: Named
    comment: str = ""
    at: AwareDatetime


class Approval(Ref):
    """The answer as the ledger has it, for exactly these files of this version, by this run."""

    model: str
    version: str
    bundle_digest: str
    decision: ApprovalDecision
    who: str
    comment: str
    at: AwareDatetime

    @property
    def approved(self) -> bool:
        """Whether the version may go on."""
        return self.decision == "approve"


class RolloutRequest(Ref):
    """One look at a step of a rollout. With `stop`, a reason in words, the rollout ends instead, at once."""

    step: WatchedStep
    stop: Named | None = None


class ArmFigures(Ref):
    """What the server counted of one version since the step began; latencies in milliseconds, None when unknown.

    `mean_loss` is the squared error, or the log loss, over the answers whose label came in; `loss_sd` its standard
    deviation.
    """

    version: str
    requests: int
    errors: int
    rows: int
    p50_ms: float | None = None
    p99_ms: float | None = None
    labels: int = 0
    mean_loss: float | None = None
    loss_sd: float | None = None


class RolloutStatus(Ref):
    """What one look at a step found.

    ``waiting``  another run rolls out a version of this model; nothing was begun: look again
    ``baking``   the step is on and its time is not over: look again
    ``done``     the step ended well; `reasons` say what could not be judged
    ``tripped``  the guard, or a person, ended the rollout: the champion has all of the traffic, `reasons` say why
    ``held``     nothing was begun and nothing will be: `reasons` speak against the version; the champion stays
    """

    model: str
    version: str
    step: WatchedStep
    state: RolloutState
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    reasons: list[str] = Field(default_factory=list)
    champion: ArmFigures | None = None
    challenger: ArmFigures | None = None
    psi: float | None = None


class Deployment(Ref):
    """What serving looks like after a release."""

    model: str
    version: str
    previous_version: str | None
    promoted: bool
    served: bool
    reason: str


class RollbackRequest(Ref):
    """What a rollback is asked for: to which version (None: the previous good one), and why, in a person's words."""

    to_version: Named | None = None
    reason: Named = "no reason was given"


class Rollback(Ref):
    """What serving looks like after a rollback; `started_by` is the run that began it, which a retry completes."""

    model: str
    from_version: str
    to_version: str
    reason: str
    started_by: str
    parity_rows: int
    max_difference: float
