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
from airworthy.release.rollout_flags import Rollout as FlagRollout
from airworthy.traffic.traffic_state import Rollout

_DECIDING = ("state", "variants", "defaultVariant", "targeting")


def flags_of_step(model: str, rollout: Rollout) -> dict[str, Any]:
    """Return the flags of a ledger's step, by key."""
    return step_flags(
        model,
        FlagRollout(
            rollout.champion, rollout.challenger, rollout.step, rollout.since, rollout.run_id
        ),
    )


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
    overrides = {}
    for key, by_ledger in list(flags.items()):
        flag = in_file.get(key)
        if flag is not None and rollout is not None and _is_of_step(flag, rollout):
            if _decision(flag) != _decision(by_ledger):
                flags[key], overrides[key] = flag, _text(flag)
    kill_switch = flag_key(model, KILL_SWITCH)
    if kill_switch in in_file:
        flags[kill_switch] = in_file[kill_switch]
    return flags, overrides


def _is_of_step(flag: dict[str, Any], rollout: Rollout) -> bool:
    """Tell whether a flag has the metadata of a step. A person may write 10 for "10"."""
    metadata = flag.get("metadata") or {}
    try:
        since = datetime.fromisoformat(str(metadata.get("since")))
    except ValueError:
        return False
    if since.tzinfo is None or since != rollout.since:
        return False
    return (metadata.get("run"), str(metadata.get("step"))) == (rollout.run_id, str(rollout.step))


def _decision(flag: dict[str, Any]) -> dict[str, Any]:
    return {name: flag.get(name) for name in _DECIDING}


def _text(flag: dict[str, Any]) -> str:
    return json.dumps(_decision(flag), sort_keys=True)
