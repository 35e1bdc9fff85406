"""The tags of a verdict, on the training's MLflow run and on its registered version."""

from __future__ import annotations

from airworthy.handover import Verdict
from airworthy.registry.tags import CHAMPION_FAILING, REASONS, VERDICT, WAIVERS

_MAX_LENGTH = 4000


def verdict_tags(verdict: Verdict) -> dict[str, str]:
    """Return tag -> value: outcome and reasons, and waivers and failing champion if any."""
    optional = {WAIVERS: verdict.waivers, CHAMPION_FAILING: verdict.champion_failing}
    return {
        VERDICT: verdict.outcome,
        REASONS: "\n".join(verdict.reasons)[:_MAX_LENGTH],
        **{tag: "\n".join(lines)[:_MAX_LENGTH] for tag, lines in optional.items() if lines},
    }
