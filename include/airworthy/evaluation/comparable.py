"""The check that a champion can score the challenger's rows: the spec may have changed."""

from __future__ import annotations

from airworthy.bundle import Manifest
from airworthy.features import polars_schema
from airworthy.spec import ModelSpec


def incomparable_reason(champion: Manifest, spec: ModelSpec) -> str | None:
    """Return why a champion cannot be compared with a challenger of this spec; None when it can."""
    if champion.task != spec.task:
        return f"the champion is a {champion.task} model, and the task is now {spec.task}"
    declared = polars_schema(spec.inputs)
    missing = [
        f"{name} ({champion.inputs[name]})"
        for name, kind in polars_schema(champion.inputs).items()
        if declared.get(name) != kind
    ]
    if missing:
        return f"the champion reads {', '.join(missing)}, which the spec no longer declares so"
    return None
