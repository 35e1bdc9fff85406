"""A model with registered versions for a whole test module; each test scores days of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from airworthy.batch_scoring.score_table import BatchPredictions
from airworthy.environment import Environment, load_environment
from airworthy.handover import BatchScore
from airworthy.handover.catalogue import STAGES
from airworthy.lake.sources.simulated_deliveries import generate_deliveries
from airworthy.registry.registry import Registry, open_registry
from airworthy.spec.sources_part import SimulatorSource
from airworthy.stages import run_stage

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from ..stages.conftest import COLUMNS, FEATURES, LET_THROUGH, small_spec  # noqa: TID252

MODEL = "small_model"
# Takes everything that the training data have, and fails on a number of stops that does not fit
# into a byte.
BRITTLE = FEATURES.replace(
    'pl.col("distance_km") / pl.col("stops")',
    'pl.col("distance_km") / pl.col("stops").cast(pl.UInt8)',
)
OWN = {"source": {"type": "files", "format": "csv", "path": "in/{yyyy}-{mm}-{dd}.csv"}}


class ScoringEnvironment:
    """One model in one environment, with version 1 registered, and version 2 on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / MODEL
        self.folder.mkdir(parents=True)
        (self.folder / "features.py").write_text(BRITTLE, encoding="utf-8")
        self.write_spec({})

    @property
    def environment(self) -> Environment:
        """The environment, as the variables have it."""
        return load_environment()

    @property
    def registry(self) -> Registry:
        """The registry."""
        return open_registry(self.environment)

    @property
    def table(self) -> BatchPredictions:
        """The model's batch predictions."""
        return BatchPredictions(self.environment, MODEL)

    def write_spec(self, score: dict[str, Any] | None, **changes: Any) -> None:
        """Write the spec with this ``score`` part."""
        spec = small_spec(MODEL, evaluate=LET_THROUGH, score=score, **changes)
        (self.folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")

    def register(self, run_id: str, **parameters: Any) -> None:
        """Train and register a version."""
        payload = request("2026-03-20", run_id, parameters=parameters)
        for name in ("ingest", "validate", "train", "evaluate", "register"):
            payload[STAGES[name].output] = run_stage(name, payload)

    def promote(self, version: str) -> None:
        """Make a version the champion; the second one is trained at its first use."""
        if version == "2" and len(self.registry.versions(MODEL)) == 1:
            self.register("two", max_depth=2)
        make_champion(self.environment, MODEL, version)

    def inputs(self, as_of: str, run_id: str = "score") -> dict[str, Any]:
        """Settle the inputs of a scoring run; return the payload for `score`."""
        payload = request(as_of, run_id)
        return {**payload, "scoring_inputs": run_stage("ingest_inputs", payload)}

    def score(
        self, as_of: str = "", run_id: str = "score", payload: dict[str, Any] | None = None
    ) -> BatchScore:
        """Run both operations, or the second one alone on a payload.

        Args:
            as_of: The end of the window.
            run_id: The run's id.
            payload: Settled inputs. None: settle them first.
        """
        payload = payload or self.inputs(as_of, run_id)
        return BatchScore.model_validate(run_stage("score", payload))

    def write_day(self, day: str, rows: int = 50, seed: int = 3, **changed: Any) -> pl.DataFrame:
        """Write a day's rows for a source of scoring alone, without a label.

        Args:
            day: The day, as an ISO date in UTC.
            rows: How many rows.
            seed: Of the simulator.
            **changed: Values of the first row.
        """
        source = SimulatorSource(
            type="simulator", rows_per_day=rows, seed=seed, bad_share=0.0, missing_share=0.0
        )
        raw = generate_deliveries(source, date.fromisoformat(day))
        frame = raw.select("picked_up_at", *(name for name in COLUMNS if name != "minutes"))
        first = pl.when(pl.int_range(pl.len()) == 0)
        changes = [
            first.then(pl.lit(value)).otherwise(name).alias(name) for name, value in changed.items()
        ]
        frame = frame.with_columns(changes)
        path = self.folder / f"in/{day}.csv"
        path.parent.mkdir(exist_ok=True)
        frame.write_csv(path)
        return frame


def request(as_of: str, run_id: str, **more: Any) -> dict[str, Any]:
    """Return the payload of a run.

    Args:
        as_of: The end of the window, a day in UTC.
        run_id: The run's id.
        **more: Further fields of the run request.
    """
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC).isoformat()
    return {
        "run": {
            "model": MODEL,
            "as_of": moment,
            "reason": "manual",
            "run_id": run_id,
            "requested_by": "ada",
            **more,
        }
    }


@pytest.fixture(scope="module")
def shared_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoringEnvironment]:
    """The environment, once a module."""
    folder = tmp_path_factory.mktemp("scoring")
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_STATE", str(folder / "state"))
        variables.setenv("AIRWORTHY_MODELS", str(folder / "models"))
        variables.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
        env = ScoringEnvironment(folder / "models")
        env.register("one")
        yield env


@pytest.fixture
def env(shared_env: ScoringEnvironment) -> ScoringEnvironment:
    """The environment with version 1 as champion and a plain ``score`` part."""
    shared_env.write_spec({})
    shared_env.promote("1")
    return shared_env
