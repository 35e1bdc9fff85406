"""The ledger's record of an approval: its validity for a run. Pure.

Entries are a model's ledger, oldest first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from airworthy.ledger import Entry
from airworthy.ledger.events import (
    ApprovalAnswered,
    PromotionReceived,
    Registration,
    VerdictReached,
)
from airworthy.ledger.ledger_queries import alias_moves, of_kind
from airworthy.ledger.version_numbers import entries_about
from airworthy.release.release_record import entries_of
from airworthy.release.release_rules import ReleaseRules


def approval_blockers(
    entries: Sequence[Entry], rules: ReleaseRules, run_id: str, version: str, bundle_digest: str
) -> list[str]:
    """Return the reasons against the approval in the ledger; empty when it is valid.

    Args:
        entries: The model's ledger, oldest first.
        rules: The release rules of the model.
        run_id: The run. An approval in another run does not count.
        version: The version.
        bundle_digest: The digest of the registered files. An approval of other files does not
            count.
    """
    if rules.approval != "required":
        return []
    answers = entries_of(entries, run_id, version, ApprovalAnswered)
    if not answers:
        return ["the ledger has no approval of it by this run"]
    answer, last = answers[-1], answers[-1].event
    if last.decision == "timeout":
        return ["nobody approved it in time"]
    if last.decision != "approve":
        comment = f": {last.comment}" if last.comment else ""
        return [f"{answer.who} rejected it{comment}"]
    if last.bundle_digest != bundle_digest:
        return [
            f"other files of it were approved: digest {last.bundle_digest}, and not {bundle_digest}"
        ]
    blockers = _proof_blockers(entries, answer)
    if rules.by_other_than_trigger:
        blockers += trigger_blockers(entries, run_id, version, {answer.who, last.user or ""})
    return blockers


def trigger_blockers(
    entries: Sequence[Entry], run_id: str, version: str, names: Collection[str]
) -> list[str]:
    """Return the reason against an approval by the person who triggered the version's run.

    Runs that nobody's name is proved for, such as scheduled ones, are nobody's. Entries of older
    versions say nothing about the proof: their names count.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run that releases the version.
        version: The version.
        names: The names of the person who approves it.
    """
    triggers = {
        entry.who
        for entry in of_kind(entries_about(entries, version), VerdictReached, Registration)
        if entry.proved_by != "nobody"
        and (entry.run_id == run_id or entry.event.subject == version)
    }
    # Who trained a promoted version in another environment is no other person here.
    for entry in of_kind(entries_about(entries, version), PromotionReceived):
        if entry.event.version == version:
            triggers.update(entry.event.trained_by)
    own = sorted(triggers.intersection(names))
    return [f"{name} triggered its run: another person must approve it" for name in own]


def _proof_blockers(entries: Sequence[Entry], answer: Entry[ApprovalAnswered]) -> list[str]:
    """Return the reason against an answer's proof; empty when Airflow proved the person.

    An older version kept no proof. Such an answer counts for a run that has ended with the
    version's promotion, and for no other one.
    """
    if answer.proved_by == "airflow":
        return []
    if answer.proved_by is not None:
        return [f"the approval of {answer.who} is proved by {answer.proved_by}, and not by Airflow"]
    moves = alias_moves(entries)
    ended = (
        move.run_id == answer.run_id and move.event.to == answer.event.version for move in moves
    )
    if any(ended):
        return []
    return [
        f"an older version of Airworthy recorded the approval of {answer.who} without a proof: "
        "it has to be approved again"
    ]
