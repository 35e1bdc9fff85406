"""Events of a release: what staging found, who approved, how the rollout went, and who is champion."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field

from airworthy.handover import ApprovalDecision, ArmFigures, Outcome, WatchedStep
from airworthy.ledger.events.event import LedgerEvent, Moment

BEGUN: Final = "begun"
DONE: Final = "done"


class _OfVersion(LedgerEvent):
    """An event about one version."""

    version: str

    @property
    def subject(self) -> str:
        """The version."""
        return self.version


class StagingCheck(_OfVersion):
    """A version was tried in staging's server; see `ParityResult` for the figures.

    Attributes:
        version: The version.
        bundle_digest: Of its files.
        passed: Whether it is fit for production.
        reasons: Why it is not.
        rows: How many rows it was asked; None: it could not be asked.
        max_difference: The largest difference from the offline predictions.
        tolerance: The largest difference that is allowed.
        p50_ms: Median latency of a request with one row, in milliseconds.
        p99_ms: 99th percentile of the same.
        load_seconds: Time until its first answer.
        memory_mib: What the server's memory grew by.
        size_mib: Size of its files.
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

    def entry_id(self, run_id: str) -> str:
        """Return one id for each answer of a run."""
        return f"{self.kind}:{run_id}:{self.version}:{'passed' if self.passed else 'refused'}"


class ApprovalAnswered(_OfVersion):
    """A person answered whether a version may be released, or nobody did in time.

    Attributes:
        version: The version.
        bundle_digest: Of the files that the answer is about.
        decision: The answer.
        comment: The person's words.
        at: When the answer was given.
        verdict: The outcome of the verdict that the person saw.
        champion: The champion that the version was compared with.
        dataset_digest: Of the dataset version that it was judged on.
        mlflow_run_id: The MLflow run that trained it.
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

    def entry_id(self, run_id: str) -> str:
        """Return one id for an answer; a later answer of the same run has another one."""
        return f"{self.kind}:{run_id}:{self.version}:{self.at.isoformat()}"


class AliasMove(LedgerEvent):
    """A version became champion, by a release or by a rollback.

    Attributes:
        alias: ``champion``.
        from_: The champion before; None: there was none.
        to: The champion from now on.
        reason: Why.
        dataset_digest: Of the dataset version that it was trained on.
        bundle_digest: Of its files.
        moves_before: Not stored: how many moves the ledger had. A version that comes back is another entry.
        rollback: Not stored: the run that began the rollback; None: a release.
    """

    kind: ClassVar[str] = "alias_move"

    alias: str = "champion"
    from_: str | None = Field(default=None, alias="from")
    to: str
    reason: str = ""
    dataset_digest: str | None = None
    bundle_digest: str | None = None
    moves_before: int = Field(default=0, exclude=True)
    rollback: str | None = Field(default=None, exclude=True)

    def entry_id(self, run_id: str) -> str:
        """Return one id for a run's move after so many others, and one for a rollback's, whichever run makes it."""
        if self.rollback is not None:
            return self.rollback_id(self.rollback)
        return f"{self.kind}:{run_id}:{self.to}:{self.moves_before}"

    @classmethod
    def rollback_id(cls, started_by: str) -> str:
        """Return the id of the move of a rollback that this run began."""
        return f"{cls.kind}:rollback:{started_by}"

    @property
    def subject(self) -> str:
        """The champion from now on."""
        return self.to


class RolloutStep(_OfVersion):
    """A step of a rollout began, or ended well.

    Attributes:
        version: The version that is rolled out.
        bundle_digest: Of its files.
        step: The step.
        state: Whether it began or ended.
        champion: The version beside it; None: nothing was watched.
        since: When the step began; None: nothing was watched.
        until: When it ends, if nothing ends it before; only of a step that began.
        judged: The signals that were judged.
        missing: Why others were not.
        psi: Population stability index of the predictions of both versions.
        champion_figures: What the server counted of the champion.
        challenger_figures: What the server counted of the version.
    """

    kind: ClassVar[str] = "rollout_step"

    bundle_digest: str | None = None
    step: WatchedStep
    state: Literal["begun", "done"]
    champion: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    judged: list[str] = Field(default_factory=list)
    missing: list[str] = Field(default_factory=list)
    psi: float | None = None
    champion_figures: ArmFigures | None = None
    challenger_figures: ArmFigures | None = None

    def entry_id(self, run_id: str) -> str:
        """Return one id for the begin and one for the end of a run's step."""
        return f"{self.kind}:{run_id}:{self.version}:{self.step}:{self.state}"


class RolloutEnded(_OfVersion):
    """A rollout was ended before its time: the champion has all of the traffic.

    Attributes:
        version: The version that was rolled out.
        champion: The champion.
        step: The step in which it was ended.
        reasons: Why.
        since: When that step began.
        stopped_by: The run that ended it.
        psi: As in `RolloutStep`.
        champion_figures: As in `RolloutStep`.
        challenger_figures: As in `RolloutStep`.
    """

    champion: str | None = None
    step: WatchedStep
    reasons: list[str] = Field(default_factory=list)
    since: Moment | None = None
    stopped_by: str | None = None
    psi: float | None = None
    champion_figures: ArmFigures | None = None
    challenger_figures: ArmFigures | None = None

    def entry_id(self, run_id: str) -> str:
        """Return one id for the rollout of a version by a run."""
        return f"{self.kind}:{run_id}:{self.version}"


class GuardTrip(RolloutEnded):
    """The guard ended a rollout: the version did worse than the champion."""

    kind: ClassVar[str] = "guard_trip"


class RolloutStopped(RolloutEnded):
    """A person, another run or the kill switch ended a rollout."""

    kind: ClassVar[str] = "rollout_stopped"
