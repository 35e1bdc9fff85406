"""The sample of a training run: the newest days, the model's folder for them, a place thrown away."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from airworthy.days import DAY
from airworthy.environment import Environment
from airworthy.handover import RunRequest
from airworthy.job import Job
from airworthy.spec.loading import SPEC_FILE, load_spec
from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.read_yaml import read_mapping
from airworthy.spec.release_part import ReleaseDefaults

DEFAULT_DAYS = 180
_LEAST_DAYS, _LEAST_ROWS = 2, 10
_NO_SERVER = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Sample:
    """The days that a model learns from and is judged on.

    Attributes:
        as_of: The exclusive end of the data, a UTC midnight.
        days: The days of the window.
        of_days: The days of the spec's lookback.
        holdout_days: The days of the holdout.
        static: The rows have no time: all of them are the sample.
    """

    as_of: datetime
    days: int
    of_days: int
    holdout_days: int
    static: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether a real run learns from the same days."""
        return self.static or self.days == self.of_days


def choose_sample(spec: ModelSpec, as_of: datetime, days: int = DEFAULT_DAYS) -> Sample:
    """Return the newest days of a spec's lookback, with a holdout that leaves most of them.

    Args:
        spec: The model's spec.
        as_of: The exclusive end of the data, a UTC midnight.
        days: The largest number of days with known labels.
    """
    lookback, holdout = spec.train.lookback.days, spec.train.holdout.days
    if spec.ingest.static:
        return Sample(as_of, lookback, lookback, holdout, static=True)
    hidden = -(-spec.ingest.label_delay // DAY)
    window = min(lookback, max(days, _LEAST_DAYS + 1) + hidden)
    if window == lookback:
        return Sample(as_of, lookback, lookback, holdout)
    held = max(1, min(holdout, (window - hidden) // 3))
    return Sample(as_of, window, lookback, held)


def sample_job(
    folder: Path, environment: Environment, sample: Sample, run_id: str, requested_by: str
) -> Job:
    """Return the job of a run on a sample. The spec of the folder is changed for it.

    Args:
        folder: The model's folder in the environment's models, a copy.
        environment: A place thrown away.
        sample: The sample.
        run_id: The run's id.
        requested_by: The name of the caller.

    Raises:
        SpecError: when the spec is broken.
    """
    if not sample.is_whole:
        text = yaml.safe_dump(_sample_spec(folder, sample), sort_keys=False, allow_unicode=True)
        (folder / SPEC_FILE).write_text(text, encoding="utf-8")
    spec = load_spec(folder / SPEC_FILE)
    run = RunRequest(
        model=spec.model,
        as_of=sample.as_of,
        reason="code_change",
        run_id=run_id,
        requested_by=requested_by,
        requested_by_proof="operating system",
        promote="never",
    )
    return Job(spec, environment, run)


def _sample_spec(folder: Path, sample: Sample) -> dict[str, Any]:
    """Return the spec's content for fewer days: fewer rows are enough, in the same proportion."""
    spec: Any = read_mapping(folder / SPEC_FILE)
    least = load_spec(folder / SPEC_FILE).train.min_rows
    rows = max(_LEAST_ROWS, least * sample.days // sample.of_days)
    train = {**(spec.get("train") or {}), "lookback": f"{sample.days}d", "min_rows": rows}
    spec["train"] = {**train, "holdout": f"{sample.holdout_days}d"}
    return dict(spec)


def throwaway(
    environment: Environment, folder: Path, models: Path, tracking_uri: str
) -> Environment:
    """Return an environment that writes below a folder only, and tells nobody.

    Args:
        environment: Gives the project and the download cache.
        folder: The folder.
        models: The folder of the models' folders, a copy.
        tracking_uri: The address of an MLflow database in a folder thrown away.
    """
    return environment.model_copy(
        update={
            "models": models,
            "state": folder / "state",
            "lake": str(folder / "lake"),
            "tracking_uri": tracking_uri,
            "artifacts": str(folder / "artifacts"),
            "server_url": _NO_SERVER,
            "staging_server_url": None,
            "flags": None,
            "airflow_url": None,
            "release": ReleaseDefaults(approval="auto", dirty_trees="allow", watch=None),
            "stages": {},
            "alerts": [],
            "anchors": None,
        }
    )


def mirror(root: Path, folder: Path, target: Path) -> Path:
    """Make a tree like a repository's with an empty place for one folder; return the place.

    All else are links to the repository's files, so that relative paths lead where they led. The
    repository's own records are left out.

    Args:
        root: The repository's folder.
        folder: The folder in it; it may be missing.
        target: The folder to make.
    """
    place, real = target, root
    place.mkdir(parents=True)
    for part in folder.relative_to(root).parts:
        for child in real.iterdir() if real.is_dir() else ():
            if child.name not in (part, ".git"):
                (place / child.name).symlink_to(child)
        place, real = place / part, real / part
        place.mkdir()
    return place


def copy_folder(folder: Path, place: Path) -> None:
    """Copy a model's folder into an empty place of a mirror. Links stay links.

    Args:
        folder: The model's folder.
        place: The place.
    """
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(folder, place, symlinks=True, ignore=ignored, dirs_exist_ok=True)
