"""The alert about an alias that somebody moved in MLflow. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.alerts.alert import Alert
from airworthy.traffic.moved_aliases import MovedAlias


def alias_moved(moved: MovedAlias, run_id: str, links: Mapping[str, str]) -> Alert:
    """Return the alert about an alias that was moved by hand and put back.

    Args:
        moved: The alias as it was found.
        run_id: The run that put it back.
        links: Links to the evidence.
    """
    model = moved.model
    return Alert(
        kind="alias_moved",
        model=model,
        about=f"{moved.alias} to version {moved.found} {run_id}",
        severity="critical",
        title=f"{model}: somebody moved the alias {moved.alias} in MLflow",
        text="\n".join(
            [
                f"{moved.words}.",
                "It changed nothing that serves: servers follow the ledger. It was put back.",
            ]
        ),
        facts={
            "found": f"version {moved.found}" if moved.found else "no version",
            "by the ledger": f"version {moved.expected}" if moved.expected else "no version",
        },
        links=dict(links),
        next_step=_next_step(moved),
    )


def _next_step(moved: MovedAlias) -> str:
    if moved.found is None:
        return "find out who has MLflow's login; make a new one if nobody of you deleted the alias"
    return (
        f'airworthy adopt {moved.model} {moved.found} --reason "..." releases that version, if it '
        "was meant; else find out who has MLflow's login"
    )
