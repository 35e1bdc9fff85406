"""Events of a release: staging check, approval, rollout steps, moves of the champion alias."""

from __future__ import annotations

import hashlib
from typing import ClassVar, Final, Literal

from pydantic import Field

from airworthy.handover import ApprovalDecision, ArmFigures, GuardedStep, Outcome
from airworthy.ledger.events.event import LedgerEvent, Moment

BEGUN: Final = "begun"
DONE: Final = "done"


class _VersionEvent(LedgerEvent):
    """An event about one version."""

    version: str

    @property
    def subject(self) -> str:
        """The version."""
        return self.version


class StagingCheck(_VersionEvent):
    """A version was checked in the staging server; see `ParityResult` for the figures.

    Attributes:
        version: The version.
        bundle_digest: Digest of its files.
        passed: True when it may go to production.
        reasons: The reasons against it.
        rows: Number of predicted rows; None: the server could not predict.
        max_difference: The largest difference from the offline predictions.
        tolerance: The largest allowed difference.
        p50_ms: Median latency of a request with one row, in milliseconds.
        p99_ms: 99th percentile of this latency.
        load_seconds: Time until its first answer.
        memory_mib: Growth of the server's memory.
        size_mib: Size of its files.
        waivers: The waived rules of its data and of its release, as in `ParityResult`.
    """

    kind: ClassVar[str] = "staging"

    bundle_digest: str | None = None
    passed: bool
    reasons: list[str] = Field(default_factory=list)
    rows: int | None = None
    max_difference: float | None = None
    tolerance: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    load_seconds: float | None = None
    memory_mib: float | None = None
    size_mib: float | None = None
    waivers: list[str] = Field(default_factory=list)

    def entry_id(self, run_id: str) -> str:
        """Return one id per run and result."""
        return f"{self.kind}:{run_id}:{self.version}:{'passed' if self.passed else 'refused'}"


class ApprovalAnswered(_VersionEvent):
    """A person approved or rejected a version, or nobody answered in time.

    Attributes:
        version: The version.
        bundle_digest: Digest of the version's files at the time of the answer.
        decision: The answer.
        comment: The person's comment.
        at: Time of the answer.
        verdict: The outcome of the version's verdict.
        champion: The champion in the comparison.
        dataset_digest: Digest of the dataset version of the evaluation.
        mlflow_run_id: The MLflow run of the training.
        user: The person's name in Airflow, where the entry's `who` has the id too; else None.
    """

    kind: ClassVar[str] = "approval"

    bundle_digest: str | None = None
    decision: ApprovalDecision
    comment: str = ""
    at: Moment
    verdict: Outcome | None = None
    champion: str | None = None
    dataset_digest: str | None = None
    mlflow_run_id: str | None = None
    user: str | None = None

    def entry_id(self, run_id: str) -> str:
        """Return one id per answer; a later answer of the same run has another one."""
        return f"{self.kind}:{run_id}:{self.version}:{self.at.isoformat()}"


class AliasMove(LedgerEvent):
    """A version became champion, by a release or by a rollback.

    Attributes:
        alias: ``champion``.
        from_: The previous champion; None: there was none.
        to: The new champion.
        reason: The reason of the move.
        dataset_digest: Digest of the dataset version of its training.
        bundle_digest: Digest of its files.
        watched_until: Planned end of the guard's watch; None: not watched, such as after a
            rollback.
        holdout_loss: Its mean loss on its holdout (squared error or log loss), for the watch.
        moves_before: Not stored: number of earlier moves. A second move to a version is another
            entry.
        rollback: Not stored: the run that began the rollback; None: a release.
    """

    kind: ClassVar[str] = "alias_move"

    alias: str = "champion"
    from_: str | None = Field(default=None, alias="from")
    to: str
    reason: str = ""
    dataset_digest: str | None = None
    bundle_digest: str | None = None
    watched_until: Moment | None = None
    holdout_loss: float | None = None
    moves_before: int = Field(default=0, exclude=True)
    rollback: str | None = Field(default=None, exclude=True)

    def entry_id(self, run_id: str) -> str:
        """Return one id per run and number of earlier moves, or one id per rollback."""
        if self.rollback is not None:
            return self.rollback_id(self.rollback)
        return f"{self.kind}:{run_id}:{self.to}:{self.moves_before}"

    @classmethod
    def rollback_id(cls, started_by: str) -> str:
        """Return the id of the move by the rollback of this run."""
        return f"{cls.kind}:rollback:{started_by}"

    @property
    def subject(self) -> str:
        """The new champion."""
        return self.to


class RolloutStep(_VersionEvent):
    """A step of a rollout began, or succeeded.

    Attributes:
        version: The version under rollout.
        bundle_digest: Digest of its files.
        step: The step.
        state: ``begun`` or ``done``.
        champion: The champion besides it; None: the guard had nothing to compare.
        since: Start of the step; None: the guard had nothing to compare.
        until: Planned end of the step; only of a step that began.
        judged: The signals evaluated by the guard.
        missing: The reasons of signals not evaluated, and the trips of a waived guard.
        waivers: The waived rules of the release.
        psi: Population stability index of the predictions of both versions.
        champion_figures: The server's counts for the champion.
        challenger_figures: The server's counts for the version.
    """

    kind: ClassVar[str] = "rollout_step"

    bundle_digest: str | None = None
    step: GuardedStep
    state: Literal["begun", "done"]
    champion: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    judged: list[str] = Field(default_factory=list)
    missing: list[str] = Field(default_factory=list)
    waivers: list[str] = Field(default_factory=list)
    psi: float | None = None
    champion_figures: ArmFigures | None = None
    challenger_figures: ArmFigures | None = None

    def entry_id(self, run_id: str) -> str:
        """Return one id for the start and one for the end of a run's step."""
        return f"{self.kind}:{run_id}:{self.version}:{self.step}:{self.state}"


class FlagOverride(_VersionEvent):
    """A model server follows a person's flag instead of the ledger's step.

    Attributes:
        version: The version under rollout.
        flag: The flag's key, such as ``delivery_eta.kill_switch``.
        value: The flag as JSON text.
        replicas: The servers that follow it.
        step_entry: The sequence number of the step's entry.
    """

    kind: ClassVar[str] = "flag_override"

    flag: str
    value: str
    replicas: list[str] = Field(default_factory=list)
    step_entry: int

    def entry_id(self, run_id: str) -> str:
        """Return one id per step and value of the flag."""
        digest = hashlib.sha256(f"{self.flag}={self.value}".encode()).hexdigest()[:16]
        return f"{self.kind}:{run_id}:{self.step_entry}:{digest}"


class RolloutEnded(_VersionEvent):
    """A rollout ended early: the champion has all of the traffic.

    Attributes:
        version: The version under rollout.
        champion: The champion.
        step: The step at the time.
        reasons: The reasons of the end.
        since: Start of that step.
        stopped_by: The run that ended it.
        psi: As in `RolloutStep`.
        champion_figures: As in `RolloutStep`.
        challenger_figures: As in `RolloutStep`.
    """

    champion: str | None = None
    step: GuardedStep
    reasons: list[str] = Field(default_factory=list)
    since: Moment | None = None
    stopped_by: str | None = None
    psi: float | None = None
    champion_figures: ArmFigures | None = None
    challenger_figures: ArmFigures | None = None

    def entry_id(self, run_id: str) -> str:
        """Return one id per version and run."""
        return f"{self.kind}:{run_id}:{self.version}"


class GuardTrip(RolloutEnded):
    """The guard ended a rollout: the version did worse than the champion."""

    kind: ClassVar[str] = "guard_trip"


class RolloutStopped(RolloutEnded):
    """A person, another run or the kill switch ended a rollout."""

    kind: ClassVar[str] = "rollout_stopped"
