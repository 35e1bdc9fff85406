"""A person's flags over those of the ledger's step.

The flag file is a projection of the ledger, so a missing flag, or one of another step, says
nothing. Two things in it are a person's: a kill switch, and another targeting or variant in a flag
of the present step.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from airworthy.release.rollout_flags import (
    KILL_SWITCH,
    flag_key,
    step_flags,
)
from airworthy.traffic.traffic_state import Rollout

_DECIDING = ("state", "variants", "defaultVariant", "targeting")


def flags_of_step(model: str, rollout: Rollout) -> dict[str, Any]:
    """Return the flags of a ledger's step, by key."""
    return step_flags(model, rollout)


def with_overrides(
    model: str, rollout: Rollout | None, in_file: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a model's flags in effect, and a person's flags among them as JSON text by key.

    Args:
        model: The model's name.
        rollout: The step by the ledger, or None.
        in_file: The model's flags in the file, by key.
    """
    flags = flags_of_step(model, rollout) if rollout is not None else {}
    overrides = {
        key: flag
        for key, flag in in_file.items()
        if key in flags and _is_of_step(flag, rollout) and _decision(flag) != _decision(flags[key])
    }
    flags |= overrides
    kill_switch = flag_key(model, KILL_SWITCH)
    if kill_switch in in_file:
        flags[kill_switch] = in_file[kill_switch]
    return flags, {key: _text(flag) for key, flag in overrides.items()}


def _is_of_step(flag: dict[str, Any], rollout: Rollout | None) -> bool:
    """Tell whether a flag has the metadata of a step. A person may write 10 for "10"."""
    metadata = flag.get("metadata") or {}
    try:
        since = datetime.fromisoformat(str(metadata.get("since")))
    except ValueError:
        return False
    if rollout is None or since.tzinfo is None or since != rollout.since:
        return False
    return (metadata.get("run"), str(metadata.get("step"))) == (rollout.run_id, str(rollout.step))


def _decision(flag: dict[str, Any]) -> dict[str, Any]:
    return {name: flag.get(name) for name in _DECIDING}


def _text(flag: dict[str, Any]) -> str:
    return json.dumps(_decision(flag), sort_keys=True)
