"""The lines of ``airworthy doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airworthy.reconciliation import Disagreement


def disagreement_lines(model: str, found: Sequence[Disagreement]) -> list[str]:
    """Return the lines about one model. Pure.

    Args:
        model: The model.
        found: Its disagreements.
    """
    if not found:
        return [f"{model}: ledger, MLflow, model servers and lake agree"]
    return [line for each in found for line in _lines(each)]


def _lines(each: Disagreement) -> list[str]:
    stops = ", ".join(each.stops) or "nothing"
    return [
        f"{each.model}: {each.problem}",
        f"  found:    {each.received}",
        f"  expected: {each.allowed}",
        f"  stops:    {stops}",
        f"  next:     {each.next_step}",
    ]
