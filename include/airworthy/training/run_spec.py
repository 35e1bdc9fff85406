"""One run has one spec: a stage is refused when the spec is another one than an earlier stage used.

`ingest`, `ingest_inputs` and `train` record their parts of the spec in the run's evidence. A part that
no earlier stage used may change: a person may correct an expectation and repeat `validate`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from airworthy.bundle import file_digest
from airworthy.errors import TerminalError
from airworthy.job import Job

_COMPARED = {
    "validate": "ingest",
    "train": "ingest",
    "evaluate": "train",
    "register": "train",
    "score": "ingest_inputs",
}
"""Stage -> the earlier stage whose parts of the spec must be the same."""
_CODE = ("features.py", "behaviour.py")
_SHOWN = 5


def keep_one_spec(job: Job, stage: str) -> None:
    """Compare the spec with the one that the run began with; record it for the stages that begin.

    A run without a record, such as one begun by an earlier version, is not compared.

    Raises:
        TerminalError: when a key that an earlier stage of this run used has changed.
        TransientError: when the evidence cannot be reached.
    """
    if stage in _COMPARED:
        _compare(job, stage, _COMPARED[stage])
    if stage in _USED:
        job.evidence.write_json(_name(stage), _USED[stage](job))


def _compare(job: Job, stage: str, earlier: str) -> None:
    stored = job.evidence.read(job.evidence.address(_name(earlier)))
    if stored is None:
        return
    used, now = json.loads(stored), _USED[earlier](job)
    changed = [key for key in {**used, **now} if used.get(key) != now.get(key)]
    if not changed:
        return
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    raise TerminalError(
        f"the spec was changed since this run's {earlier}: one run has one spec",
        model=job.spec.model,
        stage=stage,
        received=f"changed: {', '.join(changed[:_SHOWN])}{more}",
        allowed=f"the spec that {earlier} used",
        next_step=f"start a new run, or repeat this one from {earlier} on",
    )


def _name(stage: str) -> str:
    return f"spec/{stage}.json"


def _of_ingest(job: Job) -> dict[str, str]:
    spec = job.spec.digest_form()
    lookback = {"lookback": spec["train"]["lookback"]}
    return _digests({"ingest": spec["ingest"], "train": lookback} | _days(spec))


def _of_scoring(job: Job) -> dict[str, str]:
    spec = job.spec.digest_form()
    return _digests({name: spec[name] for name in ("ingest", "score")} | _days(spec))


def _of_training(job: Job) -> dict[str, str]:
    spec = job.spec.digest_form()
    parts = {name: spec[name] for name in ("task", "ingest", "train", "evaluate")}
    files = [job.folder / name for name in _CODE]
    code = {path.name: file_digest(path) for path in files if path.is_file()}
    return _digests(parts | code | _days(spec))


_USED: dict[str, Callable[[Job], dict[str, str]]] = {
    "ingest": _of_ingest,
    "ingest_inputs": _of_scoring,
    "train": _of_training,
}
"""Stage -> the parts of the spec that it uses."""


def _days(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: spec[name] for name in ("start", "end")}


def _digests(parts: dict[str, Any]) -> dict[str, str]:
    """Return each key's path with a digest of its value. A digest shows no password's length."""
    return {
        ".".join(path): hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
        for path, value in _leaves(parts, ())
        if path[-1] != "url"
    }


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for name, below in value.items():
        yield from _leaves(below, (*path, name))
