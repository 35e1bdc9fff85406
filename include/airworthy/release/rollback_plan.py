"""Which version a rollback goes back to, and whether one that was begun is still to be completed. Pure answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from airworthy.errors import TerminalError
from airworthy.handover import RollbackRequest
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, RollbackCompleted, RollbackStarted
from airworthy.ledger.ledger_queries import alias_moves, of_kind, rolled_back


@dataclass(frozen=True)
class Plan:
    """A rollback: from which version to which, why, begun by which run; `named` when a person named the version.

    With `withdraws`, `from_version` is under rollout and `to_version` is champion already: no alias moves.
    """

    started_by: str
    from_version: str
    to_version: str
    reason: str
    named: bool
    withdraws: bool = False

    @property
    def move_id(self) -> str:
        """The ledger's id of this rollback's alias move, whichever run makes it."""
        return AliasMove.rollback_id(self.started_by)

    def started(self) -> RollbackStarted:
        """Return the event that says what is about to happen."""
        return RollbackStarted(
            from_=self.from_version,
            to=self.to_version,
            reason=self.reason,
            named=self.named,
            withdraws=self.withdraws,
        )

    def completed(self, parity_rows: int, max_difference: float) -> RollbackCompleted:
        """Return the event that says that it happened, and how far the server's answers were from the model's."""
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


def finished(entries: Sequence[Entry], run_id: str) -> Entry[RollbackCompleted] | None:
    """Return the record of the rollback that this run began, or completed for another one."""
    ends = of_kind(entries, RollbackCompleted)
    return next((entry for entry in ends if run_id in (entry.run_id, entry.event.started_by)), None)


def unfinished(
    entries: Sequence[Entry], run_id: str, request: RollbackRequest, champion: str | None
) -> Plan | None:
    """Return the rollback that a run which was stopped has left to complete; None when a new one is to be planned.

    A run completes what it began itself; and what another began last, when it asks for nothing else: a person whose
    command was cut off gives it again, and it must not go back twice.

    Raises:
        TerminalError: when this run began one, and another version became champion since.
    """
    begun = of_kind(entries, RollbackStarted)
    own = [entry for entry in begun if entry.run_id == run_id]
    for entry in own or begun[-1:]:
        plan = _plan_of(entry)
        later = [move for move in alias_moves(entries) if move.sequence > entry.sequence]
        overtaken = any(move.entry_id != plan.move_id for move in later)
        fits = champion in (plan.from_version, plan.to_version) and not overtaken
        if own and not fits:
            raise TerminalError(
                "another version became champion since this rollback began",
                model=entry.model,
                stage="rollback",
                received=f"champion is version {champion}",
                allowed=f"version {plan.from_version} or {plan.to_version}",
                next_step=f"airworthy ledger {entry.model}, then begin a new rollback if one is still needed",
            )
        if own or (
            fits and finished(entries, plan.started_by) is None and _asks_for(request, plan)
        ):
            return plan
    return None


def _plan_of(entry: Entry[RollbackStarted]) -> Plan:
    started = entry.event
    return Plan(
        entry.run_id, started.from_, started.to, started.reason, started.named, started.withdraws
    )


def _asks_for(request: RollbackRequest, plan: Plan) -> bool:
    return request.to_version in (None, plan.to_version)


def choose(
    entries: Sequence[Entry],
    run_id: str,
    request: RollbackRequest,
    champion: str | None,
    usable: Collection[str],
    challenger: str | None = None,
) -> Plan:
    """Plan a rollback: to the version that was asked for, else to the last good version before what is newest.

    During a rollout that is the champion: the challenger is withdrawn, and no more than that happens.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run that asks.
        request: The version to go back to, when one was named, and why.
        champion: The champion of this moment.
        usable: The registered versions that are approved and not marked as rolled back.
        challenger: The version under rollout, if there is one.

    Raises:
        TerminalError: when there is no champion, or nothing to go back to, or the named version never was champion.
    """
    model = entries[0].model if entries else None
    was = list(dict.fromkeys(move.event.to for move in reversed(alias_moves(entries))))
    before = [version for version in was if version != champion]
    if champion is None:
        raise TerminalError("there is no champion to roll back from", model=model, stage="rollback")
    if challenger is not None and request.to_version in (None, champion):
        return Plan(run_id, challenger, champion, request.reason, named=False, withdraws=True)
    if request.to_version is not None:
        _demand_former_champion(model, request.to_version, champion, before)
        return Plan(run_id, champion, request.to_version, request.reason, named=True)
    good = [
        version for version in before if version in usable and version not in rolled_back(entries)
    ]
    if not good:
        raise TerminalError(
            "there is nothing to roll back to",
            model=model,
            stage="rollback",
            received=f"champions before version {champion}: {', '.join(before) or 'none'}",
            allowed="an approved version that was champion before and was not rolled back",
            next_step="train and release a better version, or name a version with --to-version",
        )
    return Plan(run_id, champion, good[0], request.reason, named=False)


def _demand_former_champion(
    model: str | None, version: str, champion: str, before: Sequence[str]
) -> None:
    if version in before:
        return
    what = (
        "is champion already"
        if version == champion
        else "never was champion, so it cannot be gone back to"
    )
    raise TerminalError(
        f"version {version} {what}",
        model=model,
        stage="rollback",
        received=f"version {version}",
        allowed=", ".join(before) or "no version: there was no other champion",
        next_step=f"airworthy ledger {model}",
    )
