"""What the ledger says of a run's release: approved, watched, or ended. Pure answers; entries come oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airworthy.handover import WatchedStep
from airworthy.ledger import Entry
from airworthy.ledger.queries import APPROVAL, GUARD_TRIP, ROLLOUT_STEP, ROLLOUT_STOPPED, alias_moves
from airworthy.release.flags import Rollout
from airworthy.release.rules import ReleaseRules

BEGUN, DONE = "begun", "done"


def entries_of(entries: Sequence[Entry], run_id: str, version: str, *kinds: str) -> list[Entry]:
    """Return a run's entries of these kinds about a version."""
    return [
        entry
        for entry in entries
        if entry.run_id == run_id and entry.kind in kinds and entry.facts.get("version") == version
    ]


def ended(entries: Sequence[Entry], run_id: str, version: str) -> Entry | None:
    """Return what ended a run's rollout of a version before its time: the guard, or a person or another run."""
    found = entries_of(entries, run_id, version, GUARD_TRIP, ROLLOUT_STOPPED)
    return found[-1] if found else None


def step_entry(entries: Sequence[Entry], run_id: str, version: str, step: WatchedStep, state: str) -> Entry | None:
    """Return the record of a step that was ``begun`` or is ``done``."""
    steps = entries_of(entries, run_id, version, ROLLOUT_STEP)
    return next((entry for entry in steps if entry.facts["step"] == step and entry.facts["state"] == state), None)


def last_begun(entries: Sequence[Entry], run_id: str, version: str) -> Rollout | None:
    """Return the last step of a run's rollout that was begun, as its flags were."""
    steps = entries_of(entries, run_id, version, ROLLOUT_STEP)
    begun = [entry.facts for entry in steps if entry.facts["state"] == BEGUN]
    if not begun:
        return None
    last = begun[-1]
    return Rollout(last["champion"], version, last["step"], datetime.fromisoformat(last["since"]), run_id)


def unended(entries: Sequence[Entry]) -> Rollout | None:
    """Return the last rollout of a model that was begun, if nothing ended it: no stop, and no promotion."""
    begun = [entry for entry in entries if entry.kind == ROLLOUT_STEP and entry.facts["state"] == BEGUN]
    if not begun:
        return None
    run_id, version = begun[-1].run_id, begun[-1].facts["version"]
    later = [move for move in alias_moves(entries) if move.sequence > begun[-1].sequence]
    over = ended(entries, run_id, version) is not None or any(move.facts["to"] == version for move in later)
    return None if over else last_begun(entries, run_id, version)


def not_approved(
    entries: Sequence[Entry], rules: ReleaseRules, run_id: str, version: str, bundle_digest: str
) -> list[str]:
    """Return why the ledger does not hold the approval that the rules ask for: of these files, by this run."""
    if rules.approval != "required":
        return []
    answers = entries_of(entries, run_id, version, APPROVAL)
    if not answers:
        return ["the ledger has no approval of it by this run"]
    last = answers[-1]
    if last.facts["decision"] == "timeout":
        return ["nobody approved it in time"]
    if last.facts["decision"] != "approve":
        said = f": {last.facts['comment']}" if last.facts["comment"] else ""
        return [f"{last.who} rejected it{said}"]
    if last.facts["bundle_digest"] != bundle_digest:
        return [f"other files of it were approved: digest {last.facts['bundle_digest']}, and not {bundle_digest}"]
    return []


def not_watched(
    entries: Sequence[Entry], steps: Sequence[WatchedStep], run_id: str, version: str, bundle_digest: str
) -> list[str]:
    """Return why the ledger does not show that these steps of the rollout ended well: with these files, in this run."""
    end = ended(entries, run_id, version)
    if end is not None:
        return [f"its rollout was ended: {reason}" for reason in end.facts["reasons"]]
    done = [step_entry(entries, run_id, version, step, DONE) for step in steps]
    return [
        f"the ledger does not show that the step {step_name(step)} of its rollout ended well"
        for step, entry in zip(steps, done, strict=True)
        if entry is None or entry.facts["bundle_digest"] != bundle_digest
    ]


def step_name(step: WatchedStep) -> str:
    """Return ``shadow`` or ``10 %``."""
    return str(step) if step == "shadow" else f"{step} %"
