"""State folders of earlier versions, unpacked for each test, and the console command on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from airworthy.cli.main import app

from .archive import DATABASE, unpack
from .commands import serving

if TYPE_CHECKING:
    from mlflow import MlflowClient

VERSIONS = ("0.1.0", "0.2.0")
NEWEST = VERSIONS[-1]


@dataclass(frozen=True)
class OldState:
    """An unpacked state folder, and the facts of the moment when it was left; see `make_state`."""

    folder: Path
    facts: dict[str, Any]

    @property
    def state(self) -> Path:
        """The environment's state folder."""
        return self.folder / "state"

    @property
    def models(self) -> Path:
        """The folder with the models' folders."""
        return self.folder / "models"

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.facts["model"])

    @property
    def registry(self) -> MlflowClient:
        """MLflow's own client."""
        from mlflow import MlflowClient

        # Both addresses: other tests of this process have set MLflow's global one.
        address = f"sqlite:///{self.state / DATABASE}"
        return MlflowClient(address, address)

    def run(self, *words: str, given: dict[str, Any] | None = None) -> str:
        """Run the console command to a good end; return its output."""
        done = CliRunner().invoke(
            app, list(words), input=None if given is None else json.dumps(given)
        )
        assert done.exit_code == 0, f"{words}: {done.exception!r}\n{done.output}"
        return done.stdout

    def refused(self, *words: str) -> str:
        """Run the console command to an error; return its output and the error's text."""
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code != 0, done.output
        return f"{done.stdout}\n{done.exception}"

    def lines(self, *words: str) -> list[dict[str, Any]]:
        """Run the console command; return the JSON of each line of its output."""
        return [json.loads(line) for line in self.run(*words).splitlines()]

    def stage(self, name: str, as_of: str, **payload: Any) -> dict[str, Any]:
        """Run a stage; return its output.

        Args:
            name: The stage.
            as_of: The run's day.
            **payload: The stage's inputs.
        """
        words = ("stage", name, "--model", self.model, "--as-of", as_of, "--input", "-")
        return dict(json.loads(self.run(*words, given=payload)))

    def lineage(self, reference: str) -> dict[str, Any]:
        """Return causes and effects of a reference."""
        [answer] = self.lines("lineage", reference, "--json")
        return answer

    def new_entries(self) -> list[dict[str, Any]]:
        """Return the new entries of the ledger; the old ones are as they were, and the chain is
        whole.
        """
        entries, old = self.lines("ledger", self.model, "--json"), self.facts["entries"]
        assert entries[: len(old)] == old
        assert f"the ledger is whole: {len(entries)} entries" in self.run(
            "ledger", "verify", self.model
        )
        return entries[len(old) :]

    def table(self, name: str) -> pl.DataFrame:
        """Return a whole table of the model in the lake."""
        return pl.read_delta(str(self.state / "lake" / self.model / name))

    def approve_here(self) -> None:
        """Let the model's spec take approvals of the command line without a login to Airflow."""
        path = self.models / self.model / "model.yaml"
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        spec["release"]["approval"] = "auto"
        path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")

    def champion(self) -> str:
        """Return the champion's version."""
        return str(self.registry.get_model_version_by_alias(self.model, "champion").version)


@pytest.fixture(params=VERSIONS)
def old_state(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> OldState:
    """The state folder of a version, and no server at its environment's address."""
    archive = f"state_{request.param.replace('.', '_')}.tar.xz"
    unpack(Path(__file__).with_name(archive), tmp_path)
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
    return OldState(tmp_path, json.loads((tmp_path / "facts.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Served:
    """The model, served from the state folder: its address, and the requests of those days."""

    url: str
    bodies: list[dict[str, Any]]

    def answers(self, version: str) -> list[float]:
        """Ask everything again; each answer must be this version's."""
        replies = [
            httpx.post(f"{self.url}/invocations", json=body, trust_env=False)
            for body in self.bodies
        ]
        answers = [reply.raise_for_status().json() for reply in replies]
        assert {answer["version"] for answer in answers} == {version}
        return [answer["predictions"][0] for answer in answers]

    def rollout(self) -> tuple[str | None, str | None]:
        """Return the rollout's step, and its challenger."""
        rollout = httpx.get(f"{self.url}/rollout", trust_env=False).raise_for_status().json()
        return rollout["step"], rollout["challenger"]


@pytest.fixture
def served(old_state: OldState, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The model server on the state folder, in a process of its own."""
    (old_state.state / "server_token").write_text("a token of this test", encoding="utf-8")
    with serving() as url:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", url)
        yield Served(f"{url}/models/{old_state.model}", old_state.facts["bodies"])
