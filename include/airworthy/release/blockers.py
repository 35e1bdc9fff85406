"""May this version take over? A pure answer, with the reasons."""

from __future__ import annotations

from datetime import datetime

from airworthy.handover import RunRequest


def release_blockers(
    run: RunRequest,
    *,
    releasable: bool,
    gate_reasons: list[str],
    status: str,
    champion_as_of: datetime | None,
    rolled_back: str | None = None,
) -> list[str]:
    """Return why a version must not take ``champion``; empty when it may.

    Args:
        run: The run that made it; its `promote` says ``always``, ``never`` or ``auto``.
        releasable: The verdict's answer.
        gate_reasons: The verdict's reasons.
        status: The version's ``validation_status``.
        champion_as_of: The end of the window that the current champion saw, UTC; None without a champion.
        rolled_back: Why the version was rolled back; None when it was not.
    """
    against = list(gate_reasons) if not releasable else []
    if status != "approved":
        against.append(f"the version is {status}, and a rejected version can never take an alias")
    if rolled_back is not None:
        against.append(
            f"the version was rolled back ({rolled_back}) and does not come back by itself"
        )
    if run.promote == "never":
        against.append("the run's parameter promote is never")
    if run.promote == "auto" and run.reason == "backfill":
        against.append(
            "a backfill run does not take champion unless its parameter promote is always"
        )
    if run.promote == "auto" and champion_as_of is not None and run.as_of < champion_as_of:
        against.append(
            f"its data end at {run.as_of:%Y-%m-%d}, before the champion's ({champion_as_of:%Y-%m-%d}); "
            "set the parameter promote to always to release it all the same"
        )
    return against
