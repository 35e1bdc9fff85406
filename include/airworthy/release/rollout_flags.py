"""The flags of rollouts: one file in flagd's format for all models.

The ledger says which step a rollout is in. The file follows it, so that a person can read and edit
the flags, and any OpenFeature client can evaluate them. Model servers follow the ledger; of the
file they take a kill switch that is on, and a share that a person set by hand in the current step.
Each model has three flags:

``<model>.rollout``      the arm that answers a request: `fractional` on the targeting key. The
                         challenger's share comes first, so that a key of the challenger keeps it
                         while the share grows
``<model>.shadow``       the version that gets each request as well; its answers are only logged
``<model>.kill_switch``  true: the champion answers everything, during a rollout too

Everything else in the file stays as it is.
"""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, ValidationError

from airworthy.release.flagd_file import Address, change_flags, flags_error, read_flags
from airworthy.traffic import Rollout

ROLLOUT, SHADOW, KILL_SWITCH = "rollout", "shadow", "kill_switch"
KINDS = (ROLLOUT, SHADOW, KILL_SWITCH)
CHAMPION, CHALLENGER = "champion", "challenger"

Step = Literal["shadow"] | Annotated[int, Field(ge=1, le=99)]
Version = Annotated[str, Field(min_length=1)]


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


def step_flags(model: str, rollout: Rollout) -> dict[str, Any]:
    """Return the two flags of a rollout's step by key. The kill switch is not among them."""
    metadata = {
        "step": str(rollout.step),
        "since": rollout.since.isoformat(),
        "run": rollout.run_id,
    }
    return {
        flag_key(model, ROLLOUT): _rollout_flag(rollout, metadata),
        flag_key(model, SHADOW): _shadow_flag(rollout, metadata),
    }


def write_rollout(address: Address, model: str, rollout: Rollout | None) -> None:
    """Let the file say which step a model's rollout is in. None: it has no rollout.

    Flags of this very step stay as they are: a person may have changed them. A kill switch that is
    on stays on.

    Args:
        address: The flagd file; created when there is a rollout.
        model: The model's name.
        rollout: The step by the ledger.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when the file cannot be reached, or other writers kept changing it.
    """
    if rollout is None:
        clear_rollout(address, model)
        return

    def change(flags: dict[str, Any]) -> None:
        for key, flag in step_flags(model, rollout).items():
            present = flags.get(key)
            if not isinstance(present, dict) or present.get("metadata") != flag["metadata"]:
                flags[key] = flag
        flags.setdefault(flag_key(model, KILL_SWITCH), _kill_switch_flag(on=False))

    change_flags(address, change)


def clear_rollout(address: Address, model: str) -> None:
    """Remove a model's rollout from the file. A kill switch that is on stays on.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when the file cannot be reached, or other writers kept changing it.
    """

    def change(flags: dict[str, Any]) -> None:
        flags.pop(flag_key(model, ROLLOUT), None)
        flags.pop(flag_key(model, SHADOW), None)
        if flags.get(flag_key(model, KILL_SWITCH)) == _kill_switch_flag(on=False):
            del flags[flag_key(model, KILL_SWITCH)]

    # A first look without a lock: mostly there is nothing to remove.
    if any(key.startswith(f"{model}.") for key in read_flags(address)["flags"]):
        change_flags(address, change)


def set_kill_switch(address: Address, model: str, on: bool) -> None:
    """Turn a model's kill switch on or off. On, the champion answers everything.

    Args:
        address: The flagd file; created when missing.
        model: The model's name.
        on: True to turn it on.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when the file cannot be reached, or other writers kept changing it.
    """
    change_flags(
        address, lambda flags: flags.update({flag_key(model, KILL_SWITCH): _kill_switch_flag(on)})
    )


def kill_switch_is_on(address: Address, model: str) -> bool:
    """Tell whether a model's kill switch is on by the file. No file, or no such flag: it is off.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when the file cannot be reached.
    """
    flag = read_flags(address)["flags"].get(flag_key(model, KILL_SWITCH))
    if not isinstance(flag, dict) or flag.get("state") != "ENABLED":
        return False
    variants = flag.get("variants")
    return isinstance(variants, dict) and variants.get(flag.get("defaultVariant")) is True


def read_rollout(address: Address, model: str) -> Rollout | None:
    """Return the step of a model's rollout by the file; None without a rollout.

    Raises:
        TerminalError: when the file, or this model's flag in it, is not as `write_rollout` writes
            it.
        TransientError: when the file cannot be reached.
    """
    return rollout_in(read_flags(address)["flags"], model, address)


def rollout_in(flags: dict[str, Any], model: str, address: Address) -> Rollout | None:
    """Return the current step of a model's rollout by these flags; None without a rollout.

    Args:
        flags: The flags by key.
        model: The model's name.
        address: The flags' file, for the error's message.

    Raises:
        TerminalError: when this model's flag is not as `write_rollout` writes it.
    """
    key = flag_key(model, ROLLOUT)
    if key not in flags:
        return None
    try:
        flag = _RolloutFlag.model_validate(flags[key])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join((key, *(str(part) for part in first["loc"])))
        raise flags_error(address, f"{field}: {first['msg']}") from None
    if flag.state == "DISABLED":
        return None
    return Rollout(
        champion=flag.variants.champion,
        challenger=flag.variants.challenger,
        step=flag.metadata.step,
        since=flag.metadata.since.astimezone(UTC),
        run_id=flag.metadata.run,
    )


def _rollout_flag(rollout: Rollout, metadata: dict[str, str]) -> Any:
    flag = {
        "state": "ENABLED",
        "variants": {CHAMPION: rollout.champion, CHALLENGER: rollout.challenger},
        "defaultVariant": CHAMPION,
        "metadata": metadata,
    }
    if rollout.step == "shadow":
        return flag
    shares = [[CHALLENGER, rollout.step], [CHAMPION, 100 - rollout.step]]
    return flag | {"targeting": {"fractional": shares}}


def _shadow_flag(rollout: Rollout, metadata: dict[str, str]) -> Any:
    return {
        "state": "ENABLED",
        "variants": {"off": "", "on": rollout.challenger},
        "defaultVariant": "on" if rollout.step == "shadow" else "off",
        "metadata": metadata,
    }


def _kill_switch_flag(on: bool) -> Any:
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on" if on else "off",
    }
