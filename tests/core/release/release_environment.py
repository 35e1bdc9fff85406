"""A model with a champion, its challengers and a real server, for a whole test module.

Each test releases under a run id of its own and reads the ledger's entries of that run alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import orjson
import pytest
import yaml

from airworthy.environment import Environment, load_environment
from airworthy.handover.catalogue import STAGES
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import AliasMove, LedgerEvent, RolloutStopped
from airworthy.ledger.ledger_queries import of_kind
from airworthy.registry.registry import Registry, open_registry
from airworthy.release.projection import project_ledger
from airworthy.release.rollout_flags import read_rollout, set_kill_switch
from airworthy.serving.in_process_server import running_server
from airworthy.stages import run_stage
from airworthy.traffic import Rollout, Traffic
from airworthy.traffic.current_traffic import current_traffic

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from ..eventually import eventually  # noqa: TID252
from ..stages.conftest import FEATURES, LET_THROUGH, small_spec  # noqa: TID252
from .released_states import copy_released_state

_Event = TypeVar("_Event", bound=LedgerEvent)

MODEL = "small_model"
_STAGES = (
    "ingest",
    "validate",
    "train",
    "evaluate",
    "register",
    "deploy_staging",
    "deploy_production",
)
# These features fail on a number of stops over 255. The training data have none.
BRITTLE = FEATURES.replace(
    'pl.col("distance_km") / pl.col("stops")',
    'pl.col("distance_km") / pl.col("stops").cast(pl.UInt8)',
)
WEAK: dict[str, Any] = {"learning_rate": 0.0001}


class ReleaseEnvironment:
    """One model in one environment, with one server.

    Args:
        folder: Gets the model's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "models" / MODEL
        self.folder.mkdir(parents=True)
        self.url = ""
        self.write_spec()

    @property
    def environment(self) -> Environment:
        """The environment, read from the variables."""
        return load_environment()

    @property
    def registry(self) -> Registry:
        """The registry."""
        return open_registry(self.environment)

    def write_spec(
        self, features: str = FEATURES, evaluate: dict[str, Any] | None = None, **release: Any
    ) -> None:
        """Write the model's folder.

        Args:
            features: The text of its features.py.
            evaluate: The spec's evaluate part; None: a gate for every version.
            **release: The spec's release part; the environment's rules fill in the rest.
        """
        spec = small_spec(MODEL, evaluate=evaluate or LET_THROUGH, release=release)
        (self.folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        (self.folder / "features.py").write_text(features, encoding="utf-8")

    def run_stages(self, payload: dict[str, Any], *names: str) -> dict[str, Any]:
        """Run stages, put their outputs into the payload, and return it."""
        for name in names:
            payload[STAGES[name].output] = run_stage(name, payload)
        return payload

    def train(self, as_of: str, last: str = "register", **run: Any) -> dict[str, Any]:
        """Return the payload after a new run's stages.

        Args:
            as_of: The end of the run's data, a day in UTC.
            last: The last stage to run.
            **run: Further fields of the run request.
        """
        moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC).isoformat()
        request = {
            "model": MODEL,
            "as_of": moment,
            "reason": "manual",
            "run_id": f"run-{uuid4().hex[:8]}",
            **run,
        }
        return self.run_stages({"run": request}, *_STAGES[: _STAGES.index(last) + 1])

    def new_run(self, payload: dict[str, Any], staged: bool = True, **run: Any) -> dict[str, Any]:
        """Return a payload for another run with the same version.

        Args:
            payload: The first run's payload.
            staged: Whether the version passed staging in this run.
            **run: Fields of the run request to change.
        """
        again = {**payload, "run": {**payload["run"], "run_id": f"run-{uuid4().hex[:8]}", **run}}
        if staged:
            version = payload["version"]["version"]
            again["parity"] = {
                "version": version,
                "rows": 1,
                "max_difference": 0.0,
                "tolerance": 1e-5,
                "matched": True,
                "p50_ms": 1.0,
                "p99_ms": 1.0,
            }
        return again

    def poll(self, payload: dict[str, Any], step: Any, stop: str | None = None) -> dict[str, Any]:
        """Poll a rollout step once and return its status.

        Args:
            payload: The payload of the run that rolls out.
            step: ``shadow`` or a share in percent.
            stop: Ends the rollout for this reason.
        """
        return run_stage("rollout", {**payload, "rollout_request": {"step": step, "stop": stop}})

    def poll_until(
        self,
        payload: dict[str, Any],
        step: Any,
        between: Callable[[], Any] = lambda: None,
        until: tuple[str, ...] = ("done", "tripped", "held"),
    ) -> dict[str, Any]:
        """Poll a rollout step until it is in one of some states, and return its status.

        Args:
            payload: The payload of the run that rolls out.
            step: ``shadow`` or a share in percent.
            between: Called after each poll.
            until: The states to wait for.
        """

        def ended() -> dict[str, Any] | None:
            status = self.poll(payload, step)
            if status["state"] in until:
                return status
            between()
            return None

        return eventually(f"step {step} is {until}", ended)

    def answer(
        self, payload: dict[str, Any], decision: str, who: str = "ada", **more: Any
    ) -> dict[str, Any]:
        """Record an answer to the question for approval, and return the stage's output.

        Args:
            payload: The payload of the run that asks.
            decision: The answer.
            who: The person.
            **more: Further fields of the answer.
        """
        answer = {
            "decision": decision,
            "who": who,
            "proved_by": "airflow",
            "at": datetime.now(UTC).isoformat(),
            **more,
        }
        return run_stage("approval", {**payload, "approval_answer": answer})

    @property
    def traffic(self) -> Traffic:
        """The traffic by the ledger."""
        return current_traffic(self.environment, MODEL)

    def make_champion(self, version: str) -> None:
        """Make a version champion without a release."""
        make_champion(self.environment, MODEL, version)
        project_ledger(self.environment, MODEL)

    def rollout_flags(self) -> Rollout | None:
        """Return the rollout in the flag file."""
        return read_rollout(self.environment.flags_address, MODEL)

    def server_rollout(self, url: str | None = None) -> dict[str, Any]:
        """Return the rollout in the server, or in the one at an address."""
        url = url or self.url
        return self._asked(f"{url}/models/{MODEL}/rollout")

    def _asked(self, url: str) -> dict[str, Any]:
        """Return a server's answer, asked with administration's token where there is one."""
        token = os.environ.get("AIRWORTHY_SERVER_TOKEN")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return dict(httpx.get(url, headers=headers).raise_for_status().json())

    def wait_for_step(self, step: Any, url: str | None = None) -> None:
        """Wait until a server is in a step, with its challenger loaded; None: in no rollout."""

        def is_in_step() -> bool:
            rollout = self.server_rollout(url)
            candidates = self._asked(f"{url or self.url}/models/{MODEL}")["candidates"]
            return rollout["step"] == step and (step is None or rollout["challenger"] in candidates)

        eventually(f"the server is in step {step}", is_in_step)

    def served(self, url: str | None = None) -> tuple[str, list[str]]:
        """Return the server's champion and the versions beside it, or those of the one at an address."""
        described = self._asked(f"{url or self.url}/models/{MODEL}")
        return described["version"], described["candidates"]

    def predict(
        self, count: int = 1, url: str | None = None, token: str | None = None, **changes: Any
    ) -> list[dict[str, Any]]:
        """Request a prediction of one row several times, each under a new targeting key.

        Args:
            count: The number of requests.
            url: The server; None: the environment's.
            token: A client's token, or None.
            **changes: Other values of the row.
        """
        example = self._asked(f"{self.url}/models/{MODEL}/example")["dataframe_split"]
        row = dict(zip(example["columns"], example["data"][0], strict=True)) | changes
        return self.predict_rows([row] * count, url, token)

    def predict_rows(
        self, rows: Iterable[dict[str, Any]], url: str | None = None, token: str | None = None
    ) -> list[dict[str, Any]]:
        """Send a request for each row, each under a new targeting key, and return the answers."""
        answers = []
        sent = {"authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=url or self.url, headers=sent) as client:
            for row in rows:
                body = orjson.dumps(
                    {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
                )
                headers = {"content-type": "application/json", "x-targeting-key": uuid4().hex}
                answer = client.post(f"/models/{MODEL}/invocations", content=body, headers=headers)
                answers.append(dict(answer.raise_for_status().json()))
        return answers

    def served_versions(self) -> set[str]:
        """Return the versions behind the answers to clients."""
        return {answer["version"] for answer in self.predict(40)}

    def entries(self, run: dict[str, Any] | None = None) -> list[Entry]:
        """Return the ledger's entries, of one run's payload or of all runs."""
        return [
            entry
            for entry in open_ledger(self.environment, MODEL).entries()
            if run is None or entry.run_id == run["run"]["run_id"]
        ]

    def entries_of(self, run: dict[str, Any] | None, *kinds: type[_Event]) -> list[Entry[_Event]]:
        """Return the ledger's entries of some kinds, of one run's payload or of all runs."""
        return of_kind(self.entries(run), *kinds)

    def alias_moves(self) -> list[AliasMove]:
        """Return the alias moves of all runs."""
        return [entry.event for entry in self.entries_of(None, AliasMove)]

    def assert_only_champion(self, version: str) -> None:
        """Assert that a version has all traffic, no rollout is on, and the ledger is whole."""
        eventually(f"version {version} alone is loaded", lambda: self.served() == (version, []))
        self.wait_for_step(None)
        assert self.served_versions() == {version}
        assert (self.traffic.champion_version, self.traffic.rollout) == (version, None)
        assert self.registry.champion(MODEL) == version
        assert self.registry.challenger(MODEL) is None
        assert self.rollout_flags() is None
        assert open_ledger(self.environment, MODEL).first_broken_entry() is None

    def clean_up(self) -> None:
        """End a test's rollout and kill switch."""
        set_kill_switch(self.environment.flags_address, MODEL, on=False)
        rollout = self.traffic.rollout
        if rollout is not None:
            stopped = RolloutStopped(version=rollout.challenger, step=rollout.step)
            ledger = open_ledger(self.environment, MODEL)
            ledger.append(stopped, run_id=rollout.run_id, who="tests")
        project_ledger(self.environment, MODEL)


@contextmanager
def open_release_environment(
    folder: Path, many_machines: bool = False, **addresses: str
) -> Iterator[ReleaseEnvironment]:
    """Yield an environment with version 1 as champion.

    Args:
        folder: Gets all files.
        many_machines: Whether lake, MLflow and flags are outside of the state folder.
        **addresses: Keys of the environment's file, in place of those of a shared folder.
    """
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_STATE", str(folder / "state"))
        variables.setenv("AIRWORTHY_MODELS", str(folder / "models"))
        variables.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
        if many_machines:
            share_files(folder, variables, **addresses)
        env = ReleaseEnvironment(folder)
        if not many_machines:
            copy_released_state(folder / "state", ("run-first", "2026-03-20"))
        with running_server(env.environment) as running:
            variables.setenv("AIRWORTHY_SERVER_URL", running.url)
            env.url = running.url
            if many_machines:
                env.train("2026-03-20", last="deploy_production")
            eventually("version 1 serves", lambda: env.served()[0] == "1")
            yield env


def share_files(folder: Path, variables: pytest.MonkeyPatch, **addresses: str) -> None:
    """Let everything that machines share be outside of their state folders.

    Args:
        folder: Gets what is shared.
        variables: Gets the variables of the environment.
        **addresses: Keys of the environment's file, in place of those of the folder.
    """
    shared = folder / "shared"
    file = folder / "project" / "include" / "environments" / "machines.yaml"
    file.parent.mkdir(parents=True)
    settings = {
        "lake": str(shared / "lake"),
        "tracking_uri": f"sqlite:///{shared / 'mlflow.db'}",
        "artifacts": str(shared / "mlartifacts"),
        "flags": str(shared / "flags.json"),
        "server_url": "http://127.0.0.1:9",
        "release": {"approval": "auto", "rollout": ["full"], "dirty_trees": "allow"},
        **addresses,
    }
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    variables.setenv("AIRWORTHY_PROJECT", str(folder / "project"))
    variables.setenv("AIRWORTHY_ENV", "machines")


def another_machine(environment: Environment, name: str) -> Path:
    """Return the state folder of another machine, with the server's token as a secret in it."""
    state = environment.state.parent / name
    state.mkdir(parents=True)
    shutil.copy(environment.server_token_file, state)
    return state


@contextmanager
def another_replica(env: ReleaseEnvironment, name: str) -> Iterator[str]:
    """Yield the address of one more model server, with a state folder of its own.

    Args:
        env: The release environment, with files that machines share.
        name: The name of its machine.
    """
    state = another_machine(env.environment, name)
    with running_server(env.environment.model_copy(update={"state": state})) as running:
        yield running.url
