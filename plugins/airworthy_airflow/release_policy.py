"""Whether a run may release what it made. Pure: it decides, `DeployStagingOperator` acts."""

from __future__ import annotations

from airworthy.handover import RunRequest, Verdict


def reasons_to_hold(verdict: Verdict, run: RunRequest, run_type: str) -> list[str]:
    """Return why the release must not happen; nothing when it may.

    ``promote: always`` lets a backfill release. It never overrules a gate.
    """
    reasons: list[str] = []
    if not verdict.releasable:
        reasons += verdict.reasons or [f"the verdict is {verdict.outcome}"]
    if run.promote == "never":
        reasons.append("the run was asked not to release (promote: never)")
    if run.promote == "auto" and "backfill" in (run_type, run.reason):
        reasons.append("a backfill run does not release unless it is asked to (promote: always)")
    return reasons
