"""Outputs of a release and of a rollback."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from airworthy.handover.stage_output import StageOutput
from airworthy.handover.train_outputs import ProvedBy

ApprovalDecision = Literal["approve", "reject", "timeout"]
GuardedStep = Literal["shadow"] | Annotated[int, Field(ge=1, le=99)]
RolloutState = Literal["waiting", "baking", "done", "tripped", "held"]
NonEmptyText = Annotated[str, Field(min_length=1)]


class ParityResult(StageOutput):
    """The check of a version in the staging server: parity with the offline predictions, and cost.

    Latencies are of sequential single-row requests, in milliseconds. `load_seconds` is the time
    from the load request to the first answer, `memory_mib` the growth of the server's memory,
    `size_mib` the size of the model's files. `breaches` lists the broken limits of the spec's
    budget, or of the default limits on latency, in words. A version with breaches is not released.
    `waivers` lists the waived rules of its data and of its release, such as
    ``release latency: a batch model, nobody waits``.
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
    waivers: list[str] = Field(default_factory=list)


class ApprovalAnswer(StageOutput):
    """The answer to the request for an approval; `timeout`: nobody answered in time.

    `at` is the time of the answer, the same in every retry. A later answer of the same run replaces
    an earlier one. `proved_by` is the proof of the name in `who`; `user` is the person's name in
    Airflow, where `who` has the id too.
    """

    decision: ApprovalDecision
    who: NonEmptyText
    proved_by: ProvedBy = "nobody"
    user: str | None = None
    comment: str = ""
    at: AwareDatetime


class Approval(StageOutput):
    """The answer as recorded in the ledger, for these files of this version, by this run."""

    model: str
    version: str
    bundle_digest: str
    decision: ApprovalDecision
    who: str
    comment: str
    at: AwareDatetime

    @property
    def approved(self) -> bool:
        """True when the version may be released."""
        return self.decision == "approve"


class RolloutRequest(StageOutput):
    """One poll of a rollout step. With `stop`, a reason in words, the rollout ends at once."""

    step: GuardedStep
    stop: NonEmptyText | None = None


class ArmFigures(StageOutput):
    """The server's counts for one version since the start of the step.

    Latencies are in milliseconds, None when unknown. `mean_loss` is the mean squared error, or the
    log loss, over the predictions with a label; `loss_sd` is its standard deviation. `refused` are
    further requests, with values that the features cannot take; in a watch they are errors.
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
    # Figures in older entries of the ledger have no such key, and are stored as they always were.
    refused: int = Field(default=0, exclude_if=lambda count: count == 0)


class RolloutStatus(StageOutput):
    """The result of one poll of a rollout step.

    ``waiting``  another run rolls out a version of this model; nothing was started: poll again
    ``baking``   the step is running and its time is not over: poll again
    ``done``     the step succeeded; `reasons` list the limits that could not be evaluated
    ``tripped``  the guard, or a person, ended the rollout; the champion has all traffic
    ``held``     nothing was or will be started: the version has blockers; the champion stays

    `reasons` of the last two list the causes.
    """

    model: str
    version: str
    step: GuardedStep
    state: RolloutState
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    reasons: list[str] = Field(default_factory=list)
    champion: ArmFigures | None = None
    challenger: ArmFigures | None = None
    psi: float | None = None


class Deployment(StageOutput):
    """The state of serving after a release. `watched_until` is the planned end of its watch."""

    model: str
    version: str
    previous_version: str | None
    promoted: bool
    served: bool
    reason: str
    watched_until: AwareDatetime | None = None


class RollbackRequest(StageOutput):
    """A rollback's request: a version (None: the previous good one), and a reason.

    With `from_version`, it is done only while this version is champion, and a rollout under way
    changes nothing about it. Without it, `requested_at` is the time of the request: it is done only
    while the champion of that time is champion. None: the champion at the beginning of the run.
    """

    to_version: NonEmptyText | None = None
    from_version: NonEmptyText | None = None
    requested_at: AwareDatetime | None = None
    reason: NonEmptyText = "no reason was given"


class Rollback(StageOutput):
    """The state of serving after a rollback.

    `started_by` is the run that began it. A retry may complete it.
    """

    model: str
    from_version: str
    to_version: str
    reason: str
    started_by: str
    parity_rows: int
    max_difference: float
