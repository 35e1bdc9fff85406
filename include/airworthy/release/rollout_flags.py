"""The flags of rollouts: one file in flagd's format for all models, which the model server in production watches.

Three flags a model, so that a person can read and edit them and any OpenFeature client can evaluate them:

``<model>.rollout``      which version answers a request: `fractional` on the targeting key, the challenger's share
                         first, so that a key which has the challenger keeps it while the share grows
``<model>.shadow``       the version that is asked as well and whose answers are only logged
``<model>.kill_switch``  true: the champion answers everything, whatever the rollout says

Everything else in the file is left as it is found.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, ValidationError

from airworthy.errors import TerminalError, TransientError

ROLLOUT, SHADOW, KILL_SWITCH = "rollout", "shadow", "kill_switch"
KINDS = (ROLLOUT, SHADOW, KILL_SWITCH)
CHAMPION, CHALLENGER = "champion", "challenger"
SCHEMA = "https://flagd.dev/schema/v0/flags.json"
_LOCK_SECONDS = 30.0

Step = Literal["shadow"] | Annotated[int, Field(ge=1, le=99)]
Version = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Rollout:
    """A step of a rollout that is under way: shadow, or the percentage that the challenger answers. `since` is UTC."""

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
    """Return the key of a model's flag of a kind (`KINDS`)."""
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
    """Begin a step of a rollout. When the file is in this step of this run already, nothing is written.

    So a retried task keeps the time at which the step began, and what a person changed in it since.

    Args:
        path: The flagd file; it is made when missing.
        model: The model's name.
        champion: The version that answers all other requests.
        challenger: The version under rollout.
        step: ``shadow``, or the percentage of the requests that the challenger answers, from 1 to 99.
        run_id: The run that rolls it out.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when somebody else keeps the file locked.
    """
    with _editing(path) as flags:
        found = rollout_in(flags, model, path)
        if found is not None and found == Rollout(champion, challenger, step, found.since, run_id):
            return
        about = {"step": str(step), "since": datetime.now(UTC).isoformat(), "run": run_id}
        flags[flag_key(model, ROLLOUT)] = _rollout_flag(champion, challenger, step, about)
        flags[flag_key(model, SHADOW)] = _shadow_flag(challenger, step, about)
        flags.setdefault(flag_key(model, KILL_SWITCH), _kill_switch_flag(on=False))


def clear_rollout(path: Path, model: str) -> None:
    """End a model's rollout: the champion answers everything. A kill switch that is on stays on.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when somebody else keeps the file locked.
    """
    if not path.exists():
        return
    with _editing(path) as flags:
        flags.pop(flag_key(model, ROLLOUT), None)
        flags.pop(flag_key(model, SHADOW), None)
        if flags.get(flag_key(model, KILL_SWITCH)) == _kill_switch_flag(on=False):
            del flags[flag_key(model, KILL_SWITCH)]


def set_kill_switch(path: Path, model: str, on: bool) -> None:
    """Send everything to the champion at once, or end that.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when somebody else keeps the file locked.
    """
    with _editing(path) as flags:
        flags[flag_key(model, KILL_SWITCH)] = _kill_switch_flag(on)


def read_rollout(path: Path, model: str) -> Rollout | None:
    """Return the step that a model's rollout is in, or None.

    Raises:
        TerminalError: when the file, or this model's flag in it, is not what `set_rollout` writes.
    """
    return rollout_in(read_flags(path)["flags"], model, path)


def read_flags(path: Path) -> dict[str, Any]:
    """Return the file's content, with the flags by key under ``flags``; none when there is no file.

    Raises:
        TerminalError: when the file is not in flagd's format.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {"$schema": SCHEMA, "flags": {}}
    except (ValueError, OSError) as error:
        raise _not_flags(path, f"it cannot be read as JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("flags"), dict):
        raise _not_flags(path, "it has no object of flags")
    return document


def rollout_in(flags: dict[str, Any], model: str, path: Path) -> Rollout | None:
    """Return the step that a model's rollout is in by these flags of the file, or None. See `read_rollout`."""
    key = flag_key(model, ROLLOUT)
    if key not in flags:
        return None
    try:
        flag = _RolloutFlag.model_validate(flags[key])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join((key, *(str(part) for part in first["loc"])))
        raise _not_flags(path, f"{where}: {first['msg']}") from None
    if flag.state == "DISABLED":
        return None
    about = flag.metadata
    return Rollout(
        flag.variants.champion,
        flag.variants.challenger,
        about.step,
        about.since.astimezone(UTC),
        about.run,
    )


def _rollout_flag(
    champion: str, challenger: str, step: Literal["shadow"] | int, about: dict[str, str]
) -> Any:
    flag = {
        "state": "ENABLED",
        "variants": {CHAMPION: champion, CHALLENGER: challenger},
        "defaultVariant": CHAMPION,
        "metadata": about,
    }
    if step == "shadow":
        return flag
    return flag | {"targeting": {"fractional": [[CHALLENGER, step], [CHAMPION, 100 - step]]}}


def _shadow_flag(challenger: str, step: Literal["shadow"] | int, about: dict[str, str]) -> Any:
    default = "on" if step == "shadow" else "off"
    return {
        "state": "ENABLED",
        "variants": {"off": "", "on": challenger},
        "defaultVariant": default,
        "metadata": about,
    }


def _kill_switch_flag(on: bool) -> Any:
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on" if on else "off",
    }


@contextmanager
def _editing(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the file's flags; what was changed in them is in the file, all at once, when the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
            document = read_flags(path)
            before = json.dumps(document)
            yield document["flags"]
            if json.dumps(document) != before:
                _replace(path.resolve(), json.dumps(document, indent=2) + "\n")
    except Timeout:
        raise TransientError(
            "the flags are being changed by somebody else",
            received=f"{path}.lock is held",
            next_step="try again",
        ) from None


def _replace(path: Path, text: str) -> None:
    # Readers see the old file or the new one; and after a power cut, too.
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=path.name, encoding="utf-8", delete=False
    ) as fresh:
        fresh.write(text)
        fresh.flush()
        os.fsync(fresh.fileno())
    new = Path(fresh.name)
    new.chmod(path.stat().st_mode if path.exists() else 0o644)
    new.replace(path)


def _not_flags(path: Path, problem: str) -> TerminalError:
    return TerminalError(
        f"{path} does not hold flags: {problem}",
        received=path,
        allowed="a file in flagd's format, as a release writes it",
        next_step=f"correct or remove {path}",
    )
