"""A folder-based registry of real bundles, and a real server on a loopback port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
import xgboost

from airworthy.bundle import Manifest, ModelBundle, bundle_digest, write_bundle
from airworthy.errors import TerminalError
from airworthy.features import (
    FeatureSet,
    check_expressions,
    fit_features,
    load_expressions,
    polars_schema,
)
from airworthy.release.server_client import ServerClient, split_body
from airworthy.serving.in_process_server import RunningServer, serving
from airworthy.spec.contract import Contract
from airworthy.spec.evaluate_part import Task
from airworthy.spec.fields import ColumnType

from .release_record import ReleaseRecord
from .rollout_client import RolloutClient

FEATURES = """
import polars as pl

hour = pl.col("picked_up_at").dt.hour()
FEATURES = {
    "distance_km": pl.col("distance_km"),
    "log_distance": pl.col("distance_km").log1p(),
    "parcels": pl.col("parcels"),
    "city": pl.col("city"),
    "express": pl.col("express"),
    "hour": hour,
    "rush": hour.is_between(7, 9) | hour.is_between(16, 18),
    "note_length": pl.col("note").str.len_chars(),
}
"""
INPUTS: dict[str, ColumnType] = {
    "picked_up_at": "datetime",
    "distance_km": "float",
    "parcels": "int",
    "city": "category",
    "express": "bool",
    "note": "string",
}
CLASSES = {"regression": [], "binary": [], "multiclass": ["early", "late", "on_time"]}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "regression": {"objective": "reg:squarederror"},
    "binary": {"objective": "binary:logistic"},
    "multiclass": {"objective": "multi:softprob", "num_class": 3},
}


def make_rows(count: int, seed: int = 0) -> pl.DataFrame:
    """Return raw rows with some values missing, as the lake would hold them."""
    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = {
        "picked_up_at": [start + timedelta(minutes=int(m)) for m in rng.integers(0, 40_000, count)],
        "distance_km": rng.gamma(2.0, 4.0, count).tolist(),
        "parcels": rng.integers(1, 9, count).tolist(),
        "city": rng.choice(["Bern", "Oslo", "Rome"], count).tolist(),
        "express": (rng.random(count) < 0.3).tolist(),
        "note": rng.choice(["", "ring twice", "ünïcode ☂"], count).tolist(),
    }
    for name in list(rows)[1:]:
        rows[name] = [
            None if lost else value
            for lost, value in zip(rng.random(count) < 0.1, rows[name], strict=True)
        ]
    return pl.DataFrame(rows, schema=polars_schema(INPUTS))


class FolderRegistry:
    """Versions in ``<root>/<model>/<version>/``; ``registry.json`` has digests and examples.

    `record` has their releases.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record = ReleaseRecord(root)
        self.file = root / "registry.json"
        if not self.file.exists():
            self._write({"models": {}})

    def add(
        self,
        model: str,
        version: str,
        task: Task = "regression",
        seed: int = 0,
        shift: float = 0.0,
        inputs: dict[str, ColumnType] = INPUTS,
        contract: Contract | None = None,
    ) -> ModelBundle:
        """Train and register a version.

        Args:
            model: The model's name.
            version: The version.
            task: The model's task.
            seed: Of the training rows.
            shift: Added to every label.
            inputs: The requested inputs; there may be more of them than the features need.
            contract: The rules about the inputs; None: as in bundles made before there were any.
        """
        source = self.root / "features.py"
        source.write_text(FEATURES, encoding="utf-8")
        rows = make_rows(600, seed)
        expressions = load_expressions(source)
        features = fit_features(
            expressions, check_expressions(expressions, INPUTS, source), [rows.lazy()]
        )
        encoder = FeatureSet(expressions, features)
        data = xgboost.DMatrix(
            encoder.matrix(rows),
            _labels(rows, task) + shift,
            feature_names=encoder.names,
            feature_types=encoder.types,
            enable_categorical=True,
        )
        booster = xgboost.train({"max_depth": 4, "nthread": 1, **OBJECTIVES[task]}, data, 15)
        folder = self.root / model / version
        manifest = Manifest(
            model=model,
            task=task,
            inputs=inputs,
            features=features,
            classes=CLASSES[task],
            contract=contract,
        )
        write_bundle(folder, manifest, source, booster)
        content = self._read()
        example = json.loads(split_body(rows[:2]))
        content["models"].setdefault(model, {})[version] = {
            "digest": bundle_digest(folder),
            "example": example,
        }
        self._write(content)
        return ModelBundle.load(folder)

    def promote(self, model: str, version: str) -> None:
        """Make a version the champion."""
        self.record.move(model, version)

    def bundle(self, model: str, version: str) -> tuple[Path, str]:
        """Return folder and digest."""
        return self.root / model / version, self._entry(model, version)["digest"]

    def example(self, model: str, version: str) -> dict[str, Any] | None:
        """Return the logged example."""
        entry: dict[str, Any] | None = self._entry(model, version)["example"]
        return entry

    def aliases(self) -> dict[str, dict[str, str]]:
        """Return the aliases; nobody has set one unless a test did."""
        return dict(self._read().get("aliases", {}))

    def is_foreign(self, model: str, version: str | None) -> bool:
        """Return False: one environment has this registry."""
        return False

    def _entry(self, model: str, version: str) -> dict[str, Any]:
        versions = self._read()["models"].get(model, {})
        if version not in versions:
            raise TerminalError(
                "there is no such version",
                model=model,
                received=version,
                allowed=", ".join(versions),
            )
        return dict(versions[version])

    def _read(self) -> dict[str, Any]:
        return dict(json.loads(self.file.read_text(encoding="utf-8")))

    def _write(self, content: dict[str, Any]) -> None:
        self.file.write_text(json.dumps(content), encoding="utf-8")


def _labels(rows: pl.DataFrame, task: Task) -> np.ndarray[Any, Any]:
    distance = rows["distance_km"].fill_null(8.0).to_numpy()
    if task == "regression":
        return np.asarray(distance * 2.0)
    bounds = [6.0] if task == "binary" else [5.0, 10.0]
    return np.asarray(np.digitize(distance, bounds), dtype=float)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> FolderRegistry:
    """Three models with a champion each, one without; eta has a second version beside its champion."""
    folder_registry = FolderRegistry(tmp_path_factory.mktemp("registry"))
    tasks: dict[str, Task] = {"eta": "regression", "late": "binary", "status": "multiclass"}
    for model, task in tasks.items():
        folder_registry.add(model, "1", task)
        folder_registry.promote(model, "1")
    folder_registry.add("eta", "2", seed=5, shift=1000.0)
    folder_registry.add("unreleased", "1")
    folder_registry.record.register("unreleased")
    return folder_registry


@pytest.fixture(scope="session")
def server(registry: FolderRegistry) -> Iterator[RunningServer]:
    """A server for tests without changes to its state."""
    with serving(lambda: registry, registry.record.following()) as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    """A plain HTTP client of `server`."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture
def own_registry(tmp_path: Path) -> FolderRegistry:
    """One model with versions 1 (champion) and 2, for a test with changes; version 2 is far from
    version 1.
    """
    folder_registry = FolderRegistry(tmp_path)
    folder_registry.add("eta", "1")
    folder_registry.add("eta", "2", seed=5, shift=1000.0)
    folder_registry.promote("eta", "1")
    return folder_registry


@pytest.fixture
def record(own_registry: FolderRegistry) -> ReleaseRecord:
    """The record of `own_registry`."""
    return own_registry.record


@pytest.fixture
def own_server(own_registry: FolderRegistry) -> Iterator[RunningServer]:
    """A server for one test."""
    with serving(lambda: own_registry, own_registry.record.following()) as running:
        yield running


@pytest.fixture
def client(own_server: RunningServer) -> Iterator[ServerClient]:
    """The release stage's client of `own_server`."""
    with ServerClient(own_server.url, own_server.token) as opened:
        yield opened


@pytest.fixture
def flags(tmp_path: Path) -> Path:
    """The place of the flag file of `rolling`; there is none at first."""
    return tmp_path / "flags.json"


@pytest.fixture
def rolling(own_registry: FolderRegistry, flags: Path) -> Iterator[RolloutClient]:
    """A client of a server with `flags`: version 1 is champion, there are 2 and, far from both, 3."""
    own_registry.add("eta", "3", seed=6, shift=5000.0)
    with (
        serving(lambda: own_registry, own_registry.record.following(flags=str(flags))) as running,
        RolloutClient(running) as client,
    ):
        yield client


@pytest.fixture
def rows() -> pl.DataFrame:
    """Forty raw rows, unseen in training."""
    return make_rows(40, seed=99)
