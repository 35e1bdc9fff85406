"""The flags of rollouts: one file in flagd's format for all models.

The model server of production reads the file. Each model has three flags. A person can read and
edit them, and any OpenFeature client can evaluate them:

``<model>.rollout``      the arm that answers a request: `fractional` on the targeting key. The
                         challenger's share comes first, so that a key of the challenger keeps it
                         while the share grows
``<model>.shadow``       the version that gets each request as well; its answers are only logged
``<model>.kill_switch``  true: the champion answers everything, during a rollout too

Everything else in the file stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, ValidationError

from airworthy.release.flagd_file import edit_flags, flags_error, read_flags

ROLLOUT, SHADOW, KILL_SWITCH = "rollout", "shadow", "kill_switch"
KINDS = (ROLLOUT, SHADOW, KILL_SWITCH)
CHAMPION, CHALLENGER = "champion", "challenger"

Step = Literal["shadow"] | Annotated[int, Field(ge=1, le=99)]
Version = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Rollout:
    """The current step of a rollout: shadow, or the challenger's percentage. `since` is UTC."""

    champion: str
    challenger: str
    step: Literal["shadow"] | int
    since: datetime
    run_id: str


class _Variants(BaseModel):
    champion: Version
    challenger: Version


class _Metadata(BaseModel):
    # flagd's metadata are plain values; a person may write 10 for "10".
    step: Annotated[
        Step, BeforeValidator(lambda value: int(value) if str(value).isdecimal() else value)
    ]
    since: AwareDatetime
    run: str


class _RolloutFlag(BaseModel):
    state: Literal["ENABLED", "DISABLED"]
    variants: _Variants
    metadata: _Metadata


def flag_key(model: str, kind: str) -> str:
    """Return the key of a model's flag of a kind (`KINDS`).

    >>> flag_key("delivery_eta", ROLLOUT)
    'delivery_eta.rollout'
    """
    return f"{model}.{kind}"


def set_rollout(
    path: Path,
    model: str,
    *,
    champion: str,
    challenger: str,
    step: Literal["shadow"] | int,
    run_id: str,
) -> None:
    """Begin a step of a rollout. Writes nothing when the file is in this step of this run already.

    A retried task thus keeps the step's start, and a person's changes since.

    Args:
        path: The flagd file; created when missing.
        model: The model's name.
        champion: The version that answers all other requests.
        challenger: The version under rollout.
        step: ``shadow``, or the challenger's percentage of the requests, from 1 to 99.
        run_id: The run of the rollout.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when another process keeps the file locked.
    """
    with edit_flags(path) as flags:
        current = rollout_in(flags, model, path)
        if current is not None and current == Rollout(
            champion, challenger, step, current.since, run_id
        ):
            return
        rollout = Rollout(champion, challenger, step, datetime.now(UTC), run_id)
        flags.update(step_flags(model, rollout))
        flags.setdefault(flag_key(model, KILL_SWITCH), _kill_switch_flag(on=False))


def step_flags(model: str, rollout: Rollout) -> dict[str, Any]:
    """Return the two flags of a rollout's step by key. The kill switch is not among them."""
    metadata = {
        "step": str(rollout.step),
        "since": rollout.since.isoformat(),
        "run": rollout.run_id,
    }
    champion, challenger, step = rollout.champion, rollout.challenger, rollout.step
    return {
        flag_key(model, ROLLOUT): _rollout_flag(champion, challenger, step, metadata),
        flag_key(model, SHADOW): _shadow_flag(challenger, step, metadata),
    }


def clear_rollout(path: Path, model: str) -> None:
    """End a model's rollout: the champion answers everything. A kill switch that is on stays on.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when another process keeps the file locked.
    """
    if not path.exists():
        return
    with edit_flags(path) as flags:
        flags.pop(flag_key(model, ROLLOUT), None)
        flags.pop(flag_key(model, SHADOW), None)
        if flags.get(flag_key(model, KILL_SWITCH)) == _kill_switch_flag(on=False):
            del flags[flag_key(model, KILL_SWITCH)]


def set_kill_switch(path: Path, model: str, on: bool) -> None:
    """Turn a model's kill switch on or off. On, the champion answers everything.

    Args:
        path: The flagd file; created when missing.
        model: The model's name.
        on: True to turn it on.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when another process keeps the file locked.
    """
    with edit_flags(path) as flags:
        flags[flag_key(model, KILL_SWITCH)] = _kill_switch_flag(on)


def read_rollout(path: Path, model: str) -> Rollout | None:
    """Return the current step of a model's rollout; None without a rollout.

    Raises:
        TerminalError: when the file, or this model's flag in it, is not as `set_rollout` writes it.
    """
    return rollout_in(read_flags(path)["flags"], model, path)


def rollout_in(flags: dict[str, Any], model: str, path: str | Path) -> Rollout | None:
    """Return the current step of a model's rollout by these flags; None without a rollout.

    Args:
        flags: The flags by key.
        model: The model's name.
        path: The flags' file, for the error's message.

    Raises:
        TerminalError: when this model's flag is not as `set_rollout` writes it.
    """
    key = flag_key(model, ROLLOUT)
    if key not in flags:
        return None
    try:
        flag = _RolloutFlag.model_validate(flags[key])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join((key, *(str(part) for part in first["loc"])))
        raise flags_error(path, f"{field}: {first['msg']}") from None
    if flag.state == "DISABLED":
        return None
    return Rollout(
        champion=flag.variants.champion,
        challenger=flag.variants.challenger,
        step=flag.metadata.step,
        since=flag.metadata.since.astimezone(UTC),
        run_id=flag.metadata.run,
    )


def _rollout_flag(
    champion: str, challenger: str, step: Literal["shadow"] | int, metadata: dict[str, str]
) -> Any:
    flag = {
        "state": "ENABLED",
        "variants": {CHAMPION: champion, CHALLENGER: challenger},
        "defaultVariant": CHAMPION,
        "metadata": metadata,
    }
    if step == "shadow":
        return flag
    return flag | {"targeting": {"fractional": [[CHALLENGER, step], [CHAMPION, 100 - step]]}}


def _shadow_flag(challenger: str, step: Literal["shadow"] | int, metadata: dict[str, str]) -> Any:
    return {
        "state": "ENABLED",
        "variants": {"off": "", "on": challenger},
        "defaultVariant": "on" if step == "shadow" else "off",
        "metadata": metadata,
    }


def _kill_switch_flag(on: bool) -> Any:
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on" if on else "off",
    }
