"""Two versions of a small model in a real git repository, as a team makes them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.handover.catalogue import STAGES
from airworthy.registry.registry import open_registry
from airworthy.stages import run_stage

from ..working_tree.repository import MODEL, Repository  # noqa: TID252 - tests are no installed package

PROJECT = Path(__file__).resolve().parents[3]
FEATURES = 'import polars as pl\n\nFEATURES = {"km": pl.col("km")}\n'
MORE_FEATURES = FEATURES.replace("}", ', "hour": pl.col("at").dt.hour()}')
# Comments, line ends and spaces are kept too.
SPEC = """\
# The first one.\r
model: small_model
task: regression
owner:   tests
ingest:
  source: {type: files, format: csv, path: "PATH/{yyyy}-{mm}-{dd}.csv"}
  event_time: at
  key: [id]
  label: minutes
  columns: {id: int, km: float, minutes: float}
  restate: 8d
train: {lookback: 6d, holdout: 2d, rounds: 20, min_rows: 100, parameters: {max_depth: 3}}
evaluate: {gates: [{metric: rmse, max: 1000}]}
"""
_SETTINGS = {
    "lake": "{state}/lake",
    "tracking_uri": "sqlite:///{state}/mlflow.db",
    "artifacts": "{state}/mlartifacts",
    "server_url": "http://127.0.0.1:9",
}
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "local": {**_SETTINGS, "release": {"dirty_trees": "allow"}},
    "strict": _SETTINGS,
}


@dataclass
class Story:
    """The team's repository, and what happened in it.

    Attributes:
        dirty_tags: The tags of version 1 before everything was committed.
        refusals: By stage: the error of an environment that says nothing of dirty trees.
        commit: The commit with the files of version 1.
        spec: The content of its ``model.yaml``.
        again: The version made of the same files after the commit.
    """

    repository: Repository
    variables: pytest.MonkeyPatch
    data: Path
    dirty_tags: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, TerminalError] = field(default_factory=dict)
    commit: str = ""
    spec: bytes = b""
    again: str = ""

    def write_day(self, day: int, longer: float = 0.0, rows: int = 60) -> None:
        """Write a day of the source; `longer` km are added to each row."""
        numbers = random.Random(day)
        lines = ["id,at,km,minutes"]
        for row in range(rows):
            km = numbers.uniform(1, 10) + longer
            minutes = 3 * km + numbers.uniform(0, 1)
            time = f"2026-03-{day:02d}T{row % 24:02d}:00:00Z"
            lines.append(f"{day * 1000 + row},{time},{km:.3f},{minutes:.3f}")
        path = self.data / f"2026-03-{day:02d}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(
        self, day: int, run_id: str, environment: str, last: str = "register"
    ) -> dict[str, Any]:
        """Run the stages as of a day of March and return their outputs."""
        self.variables.setenv("AIRWORTHY_ENV", environment)
        moment = datetime(2026, 3, day, tzinfo=UTC).isoformat()
        run = {"model": MODEL, "as_of": moment, "reason": "manual", "run_id": run_id}
        payload: dict[str, Any] = {"run": {**run, "requested_by": "ada"}}
        for name, stage in STAGES.items():
            payload[stage.output] = run_stage(name, payload)
            if name == last:
                break
        return payload

    def refuse(self, stage: str, payload: dict[str, Any]) -> None:
        """Run a stage where dirty trees are refused, and keep its error."""
        self.variables.setenv("AIRWORTHY_ENV", "strict")
        with pytest.raises(TerminalError) as refused:
            run_stage(stage, {**payload, "run": {**payload["run"], "run_id": "refused"}})
        self.refusals[stage] = refused.value

    def tags(self, version: str) -> dict[str, str]:
        """Return the tags of a version."""
        return dict(open_registry(load_environment()).version(MODEL, version).tags)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Version 1 of uncommitted files, which are committed then; version 2 of changed ones.

    At the end the model's folder is gone.
    """
    folder = tmp_path_factory.mktemp("story")
    with pytest.MonkeyPatch.context() as variables:
        for name in ("AIRWORTHY_GIT_COMMIT", "AIRWORTHY_MODELS", "AIRWORTHY_SERVER_URL"):
            variables.delenv(name, raising=False)
        variables.setenv("AIRWORTHY_PROJECT", str(folder / "project"))
        variables.setenv("AIRWORTHY_STATE", str(folder / "state"))
        made = Story(Repository(folder / "project"), variables, folder / "data")
        _tell(made)
        variables.setenv("AIRWORTHY_ENV", "local")
        yield made


def _tell(story: Story) -> None:
    repository, model = story.repository, f"include/models/{MODEL}"
    story.data.mkdir()
    for name, values in ENVIRONMENTS.items():
        repository.write(f"include/environments/{name}.yaml", yaml.safe_dump(values))
    for day in range(12, 21):
        story.write_day(day)
    story.spec = SPEC.replace("PATH", str(story.data)).encode()
    (repository.model / "model.yaml").write_bytes(story.spec)
    repository.write(f"{model}/features.py", FEATURES)

    first = story.run(20, "one", "local")
    story.dirty_tags = story.tags("1")
    story.refuse("train", first)
    story.refuse("deploy_staging", first)
    story.commit = repository.commit()
    story.again = story.run(20, "two", "strict")["version"]["version"]

    changed = story.spec.decode().replace("max_depth: 3", "max_depth: 2")
    (repository.model / "model.yaml").write_bytes(changed.encode())
    repository.write(f"{model}/features.py", MORE_FEATURES)
    story.write_day(17, longer=20.0, rows=70)
    story.run(21, "three", "local")
    shutil.rmtree(repository.model)
