"""Alerts about a champion that is not good enough. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.alerts.alert import Alert
from airworthy.handover import Verdict
from airworthy.shown_text import as_lines


def champion_fails(verdict: Verdict, links: Mapping[str, str]) -> Alert | None:
    """Return the alert about a champion that fails its own gates; None when it does not.

    A challenger that passes all gates takes its place, and nobody is told. There is one alert for
    each run.

    Args:
        verdict: The verdict of a run.
        links: Links to the evidence.
    """
    if not verdict.champion_failing:
        return None
    model, version = verdict.model, verdict.champion_version
    end = (
        "the challenger is proved better, passes as little, and may take its place"
        if verdict.releasable
        else "the challenger is refused, and the champion keeps serving"
    )
    refused = [] if verdict.releasable else verdict.reasons
    return Alert(
        kind="champion_fails",
        model=model,
        about=f"version {version} {verdict.run_id}",
        severity="warning" if verdict.releasable else "critical",
        title=f"{model}: the champion fails its own gates",
        text=as_lines(
            [
                f"On the newest {verdict.holdout_rows:,} labelled rows: {end}.",
                *(f"champion: {text}" for text in verdict.champion_failing),
                *(f"challenger: {text}" for text in refused),
            ]
        ),
        facts={"champion": f"version {version}", "verdict": verdict.outcome, **_figures(verdict)},
        links=dict(links),
        next_step="correct the data, the features or the gates, then start "
        f"{model}__train; airworthy ledger {model} has every verdict",
    )


def _figures(verdict: Verdict) -> dict[str, str]:
    """Return metric -> the values of all roles."""
    return {
        name: ", ".join(
            f"{role} {values[name]:.4g}"
            for role, values in verdict.metrics.items()
            if name in values
        )
        for name in verdict.metrics.get("champion", {})
    }
