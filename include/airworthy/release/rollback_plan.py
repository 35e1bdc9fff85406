"""The plan of a rollback: the version to go back to, or a rollback to complete. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from airworthy.errors import TerminalError
from airworthy.handover import RollbackRequest
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, RollbackCompleted, RollbackStarted
from airworthy.ledger.ledger_queries import alias_moves, of_kind, rolled_back
from airworthy.ledger.registered_versions import removed_versions
from airworthy.ledger.version_numbers import reused_numbers


@dataclass(frozen=True)
class RollbackPlan:
    """A rollback from one version to another.

    Attributes:
        started_by: The run that began it.
        from_version: The version to withdraw.
        to_version: The version to go back to.
        reason: The reason, in words.
        named: True when a person named the version to go back to.
        withdraws: True when `from_version` is under rollout and `to_version` is champion already:
            no alias moves.
    """

    started_by: str
    from_version: str
    to_version: str
    reason: str
    named: bool
    withdraws: bool = False

    @property
    def move_id(self) -> str:
        """The ledger id of this rollback's alias move; the same for every run."""
        return AliasMove.rollback_id(self.started_by)

    def started(self) -> RollbackStarted:
        """Return the event of the rollback's start."""
        return RollbackStarted(
            from_=self.from_version,
            to=self.to_version,
            reason=self.reason,
            named=self.named,
            withdraws=self.withdraws,
        )

    def completed(self, parity_rows: int, max_difference: float) -> RollbackCompleted:
        """Return the event of the rollback's end.

        Args:
            parity_rows: The number of rows of the parity check.
            max_difference: Its result; see `airworthy.release.parity.largest_difference`.
        """
        return RollbackCompleted(
            from_=self.from_version,
            to=self.to_version,
            reason=self.reason,
            named=self.named,
            withdraws=self.withdraws,
            started_by=self.started_by,
            parity_rows=parity_rows,
            max_difference=max_difference,
        )


def completed_rollback(entries: Sequence[Entry], run_id: str) -> Entry[RollbackCompleted] | None:
    """Return the entry of the rollback that this run began, or completed for another run."""
    ends = of_kind(entries, RollbackCompleted)
    return next((entry for entry in ends if run_id in (entry.run_id, entry.event.started_by)), None)


def interrupted_rollback(
    entries: Sequence[Entry], run_id: str, request: RollbackRequest, champion: str | None
) -> RollbackPlan | None:
    """Return the rollback that this run has to complete; None when it has to plan a new one.

    A run completes its own rollback. It also completes the last rollback of another run, when its
    request fits: a person repeats a command that was cut off, and it must not go back twice.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run.
        request: The run's request.
        champion: The current champion.

    Raises:
        TerminalError: when this run began a rollback, and another version became champion since.
    """
    begun = of_kind(entries, RollbackStarted)
    own = [entry for entry in begun if entry.run_id == run_id]
    for entry in own or begun[-1:]:
        plan = _plan_of(entry)
        fits = _fits_champion(entries, entry, plan, champion)
        if own and not fits:
            raise _overtaken(entry, plan, champion)
        if own or (
            fits
            and completed_rollback(entries, plan.started_by) is None
            and request.to_version in (None, plan.to_version)
            and request.from_version in (None, plan.from_version)
        ):
            return plan
    return None


def _plan_of(entry: Entry[RollbackStarted]) -> RollbackPlan:
    started = entry.event
    return RollbackPlan(
        started_by=entry.run_id,
        from_version=started.from_,
        to_version=started.to,
        reason=started.reason,
        named=started.named,
        withdraws=started.withdraws,
    )


def _fits_champion(
    entries: Sequence[Entry],
    started: Entry[RollbackStarted],
    plan: RollbackPlan,
    champion: str | None,
) -> bool:
    later = [move for move in alias_moves(entries) if move.sequence > started.sequence]
    if any(move.entry_id != plan.move_id for move in later):
        return False
    return champion in (plan.from_version, plan.to_version)


def _overtaken(
    started: Entry[RollbackStarted], plan: RollbackPlan, champion: str | None
) -> TerminalError:
    return TerminalError(
        "another version became champion since this rollback began",
        model=started.model,
        stage="rollback",
        received=f"champion is version {champion}",
        allowed=f"version {plan.from_version} or {plan.to_version}",
        next_step=f"airworthy ledger {started.model}, then begin a new rollback if one is still "
        "needed",
    )


def plan_rollback(
    entries: Sequence[Entry],
    run_id: str,
    request: RollbackRequest,
    champion: str | None,
    usable: Collection[str],
    challenger: str | None = None,
) -> RollbackPlan:
    """Plan a rollback to the requested version, else to the last good version.

    During a rollout the champion is the last good version: the challenger is withdrawn, and no
    alias moves.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run of the rollback.
        request: The version to go back to, if named, and the reason.
        champion: The current champion.
        usable: The registered versions that are approved and not marked as rolled back.
        challenger: The version under rollout; None without a rollout.

    Raises:
        TerminalError: when there is no champion, no version to go back to, the named version never
            was champion, or the version to leave is champion no more.
    """
    model = entries[0].model if entries else None
    if champion is None:
        raise TerminalError("there is no champion to roll back from", model=model, stage="rollback")
    if request.from_version not in (None, champion):
        raise _not_champion(model, str(request.from_version), champion)
    champions = _champions(entries)
    former = [version for version in champions if version != champion]
    removed = removed_versions(entries)
    withdraws = challenger is not None and request.from_version is None
    if challenger is not None and withdraws and request.to_version in (None, champion):
        return RollbackPlan(
            run_id, challenger, champion, request.reason, named=False, withdraws=True
        )
    if request.to_version is not None:
        _require_former_champion(model, request.to_version, champion, former)
        _require_files(model, request.to_version, removed)
        return RollbackPlan(run_id, champion, request.to_version, request.reason, named=True)
    unusable = rolled_back(entries) | removed
    good = [version for version in former if version in usable and version not in unusable]
    if not good:
        raise TerminalError(
            "there is nothing to roll back to",
            model=model,
            stage="rollback",
            received=f"champions before version {champion}: {', '.join(former) or 'none'}",
            allowed="an approved version that was champion before and was not rolled back",
            next_step="train and release a better version, or name a version with --to-version",
        )
    return RollbackPlan(run_id, champion, good[0], request.reason, named=False)


def _champions(entries: Sequence[Entry]) -> list[str]:
    """Return the versions that were champion, the last one first.

    A number that has another version since it was champion is left out.
    """
    reused = reused_numbers(entries)
    taken = {number: sequence for sequence, number in reused.items()}
    moves = [move for move in alias_moves(entries) if move.sequence > taken.get(move.event.to, 0)]
    return list(dict.fromkeys(move.event.to for move in reversed(moves)))


def _not_champion(model: str | None, version: str, champion: str) -> TerminalError:
    return TerminalError(
        f"version {version} is champion no more",
        model=model,
        stage="rollback",
        received=f"champion is version {champion}",
        allowed=f"version {version}",
        next_step=f"airworthy ledger {model}",
    )


def _require_former_champion(
    model: str | None, version: str, champion: str, former: Sequence[str]
) -> None:
    if version in former:
        return
    problem = (
        "is champion already"
        if version == champion
        else "never was champion, so it cannot be gone back to"
    )
    raise TerminalError(
        f"version {version} {problem}",
        model=model,
        stage="rollback",
        received=f"version {version}",
        allowed=", ".join(former) or "no version: there was no other champion",
        next_step=f"airworthy ledger {model}",
    )


def _require_files(model: str | None, version: str, removed: Collection[str]) -> None:
    if version not in removed:
        return
    raise TerminalError(
        f"the files of version {version} were removed under the environment's retention",
        model=model,
        stage="rollback",
        received=f"version {version}",
        allowed="a former champion whose files are still there",
        next_step=f"airworthy ledger {model} names it; without --to-version the last one is taken",
    )
