"""The model's world for `make_state`: a copy of the project, and the model's spec."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from .archive import ROOT

MODEL = "delivery_eta"
SHIPPED = ("bike_demand", "delivery_drift", "delivery_eta", "delivery_late")
PROJECT = Path(__file__).resolve().parents[2]
STATE, MODELS, COPY = ROOT / "state", ROOT / "models", ROOT / "project"


def prepare() -> None:
    """Copy the project's core and its models below `ROOT`, and let the environment's variables name
    these.
    """
    cached, models = shutil.ignore_patterns("__pycache__"), PROJECT / "include" / "models"
    for folder in ("airworthy", "environments"):
        shutil.copytree(PROJECT / "include" / folder, COPY / "include" / folder, ignore=cached)
    for name in SHIPPED:
        shutil.copytree(models / name, MODELS / name, ignore=cached)
    write_spec()
    revision = ["git", "-C", str(PROJECT), "rev-parse", "HEAD"]
    commit = subprocess.run(revision, capture_output=True, text=True, check=True).stdout.strip()
    os.environ.setdefault("AIRWORTHY_GIT_COMMIT", commit)
    os.environ.update(
        AIRWORTHY_PROJECT=str(COPY),
        AIRWORTHY_STATE=str(STATE),
        AIRWORTHY_MODELS=str(MODELS),
        AIRWORTHY_ENV="local",
        PYTHONPATH=str(COPY / "include"),
        GX_ANALYTICS_ENABLED="false",
    )


def write_spec(bake: str = "2s", **guard: Any) -> None:
    """Write the shipped spec with few rows, a short rollout, and a changed world from 23 March on."""
    spec = yaml.safe_load(
        (PROJECT / "include" / "models" / MODEL / "model.yaml").read_text(encoding="utf-8")
    )
    spec["ingest"]["source"].update(rows_per_day=400, drift_from="2026-03-23", drift_strength=3.0)
    spec["train"].update(lookback="14d", holdout="2d", rounds=60)
    spec["train"]["parameters"]["max_depth"] = 4
    spec["evaluate"]["gates"] = [
        {"metric": "rmse", "against": "champion", "margin": 0.5},
        {"metric": "rmse", "against": "baseline", "better_by": 0.1},
        {"metric": "rmse", "slice": "vehicle", "max": 60.0},
        {"metric": "kpi", "max": 20.0},
    ]
    spec["release"] = {
        "approval": "auto",
        "rollout": ["shadow", 50, "full"],
        "bake": bake,
        "guard": guard,
    }
    spec["monitor"].update(reference="14d", min_rows=100)
    spec["monitor"]["retrain"].update(persist="2 of 2", min_labels=100, cooldown="1d")
    spec["score"] = {"schedule": "0 4 * * *", "window": "2d"}
    spec["alerts"] = {"champion_max_age": "2d"}
    (MODELS / MODEL / "model.yaml").write_text(
        yaml.safe_dump(spec, sort_keys=False), encoding="utf-8"
    )


@contextmanager
def another_spec(**release: Any) -> Iterator[None]:
    """Let the model have another spec for a while; see `write_spec`."""
    write_spec(**release)
    yield
    write_spec()
