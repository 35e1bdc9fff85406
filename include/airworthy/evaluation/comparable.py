"""Whether a champion can be scored on the challenger's rows: a spec may have changed since it was trained."""

from __future__ import annotations

from airworthy.bundle import Manifest
from airworthy.features import polars_schema
from airworthy.spec import ModelSpec


def why_incomparable(champion: Manifest, spec: ModelSpec) -> str | None:
    """Return why a champion cannot be compared with a challenger of this spec; None when it can."""
    if champion.task != spec.task:
        return f"the champion is a {champion.task} model, and the task is now {spec.task}"
    given, wanted = polars_schema(spec.inputs), polars_schema(champion.inputs)
    lacking = [
        f"{name} ({champion.inputs[name]})"
        for name, kind in wanted.items()
        if given.get(name) != kind
    ]
    if lacking:
        return f"the champion reads {', '.join(lacking)}, which the spec no longer declares so"
    return None
