"""A house for a whole test module: a model with a champion, challengers that wait for their release, a real server.

Each test releases under a run id of its own, so that what the ledger says of other runs is none of its business; and
leaves the champion where it was, which most of them are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
import yaml

from airworthy.environment import Environment, load_environment
from airworthy.handover.catalogue import STAGES
from airworthy.ledger import Entry, open_ledger
from airworthy.registry.registry import Registry, open_registry
from airworthy.release.open_server import discard, open_server
from airworthy.release.rollout_flags import Rollout, clear_rollout, read_rollout, set_kill_switch
from airworthy.serving.in_process_server import running_server
from airworthy.stages import run_stage

from ..stages.conftest import FEATURES, small_spec  # noqa: TID252 - tests are no installed package
from ..waiting import eventually  # noqa: TID252

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
# Answers everything that the training data have, and fails on a number of stops that does not fit into a byte.
BRITTLE = FEATURES.replace(
    'pl.col("distance_km") / pl.col("stops")',
    'pl.col("distance_km") / pl.col("stops").cast(pl.UInt8)',
)
WEAK: dict[str, Any] = {"learning_rate": 0.0001}


class House:
    """One model in one environment, with one server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "models" / MODEL
        self.folder.mkdir(parents=True)
        self.url = ""
        self.rules()

    @property
    def environment(self) -> Environment:
        """The environment, as the variables have it."""
        return load_environment()

    @property
    def registry(self) -> Registry:
        """The registry."""
        return open_registry(self.environment)

    def rules(
        self, features: str = FEATURES, evaluate: dict[str, Any] | None = None, **release: Any
    ) -> None:
        """Write the model's folder; what is not said of its release is the environment's choice."""
        # Which version is better is of no interest here: these gates let every one through.
        spec = small_spec(
            MODEL,
            evaluate=evaluate or {"gates": [{"metric": "rmse", "max": 1000}]},
            release=release,
        )
        (self.folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        (self.folder / "features.py").write_text(features, encoding="utf-8")

    def deliver(self, payload: dict[str, Any], *names: str) -> dict[str, Any]:
        """Run stages and put what they hand over into the payload."""
        for name in names:
            payload[STAGES[name].output] = run_stage(name, payload)
        return payload

    def made(self, as_of: str, last: str = "register", **run: Any) -> dict[str, Any]:
        """Return what the stages up to the last one hand over."""
        moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC).isoformat()
        request = {
            "model": MODEL,
            "as_of": moment,
            "reason": "manual",
            "run_id": f"run-{uuid4().hex[:8]}",
            **run,
        }
        return self.deliver({"run": request}, *_STAGES[: _STAGES.index(last) + 1])

    def anew(self, payload: dict[str, Any], staged: bool = True, **run: Any) -> dict[str, Any]:
        """Return a payload for another run that releases the same version; by default staging found it fit."""
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

    def look(self, payload: dict[str, Any], step: Any, stop: str | None = None) -> dict[str, Any]:
        """Look once at a step."""
        return run_stage("rollout", {**payload, "rollout_request": {"step": step, "stop": stop}})

    def watch(
        self,
        payload: dict[str, Any],
        step: Any,
        between: Callable[[], Any] = lambda: None,
        until: tuple[str, ...] = ("done", "tripped", "held"),
    ) -> dict[str, Any]:
        """Look until a step is in a state, doing something between looks."""
        return eventually(
            f"step {step} is {until}",
            lambda: (
                ((status := self.look(payload, step))["state"] in until and status)
                or (between() and None)
            ),
        )

    def answer(
        self, payload: dict[str, Any], decision: str, who: str = "ada", **more: Any
    ) -> dict[str, Any]:
        """Record an answer to the question for approval."""
        answer = {"decision": decision, "who": who, "at": datetime.now(UTC).isoformat(), **more}
        return run_stage("approval", {**payload, "approval_answer": answer})

    def flags(self) -> Rollout | None:
        """Return the rollout that the flags say."""
        return read_rollout(self.environment.flags_file, MODEL)

    def rollout(self) -> dict[str, Any]:
        """Return what the server says of the rollout."""
        return dict(httpx.get(f"{self.url}/models/{MODEL}/rollout").raise_for_status().json())

    def follows(self, step: Any) -> None:
        """Wait until the server is in a step, with its challenger loaded; None: in no rollout."""

        def there() -> bool:
            told = self.rollout()
            candidates = httpx.get(f"{self.url}/models/{MODEL}").json()["candidates"]
            return told["step"] == step and (step is None or told["challenger"] in candidates)

        eventually(f"the server is in step {step}", there)

    def ask(self, count: int = 1, **changes: Any) -> list[dict[str, Any]]:
        """Ask the same again and again, each time with another targeting key; every answer must be one."""
        example = httpx.get(f"{self.url}/models/{MODEL}/example").json()["dataframe_split"]
        row = dict(zip(example["columns"], example["data"][0], strict=True)) | changes
        return self.ask_rows([row] * count)

    def ask_rows(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Ask as everybody does, a request for each row, each with another targeting key."""
        answers = []
        with httpx.Client(base_url=self.url) as client:
            for row in rows:
                body = orjson.dumps(
                    {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
                )
                headers = {"content-type": "application/json", "x-targeting-key": uuid4().hex}
                answer = client.post(f"/models/{MODEL}/invocations", content=body, headers=headers)
                answers.append(dict(answer.raise_for_status().json()))
        return answers

    def serving(self) -> set[str]:
        """Return the versions that answer what everybody asks."""
        return {answer["version"] for answer in self.ask(40)}

    def entries(self, run: dict[str, Any] | None = None, *kinds: str) -> list[Entry]:
        """Return the ledger's entries, of one run and of some kinds."""
        return [
            entry
            for entry in open_ledger(self.environment, MODEL).entries()
            if (run is None or entry.run_id == run["run"]["run_id"])
            and (not kinds or entry.kind in kinds)
        ]

    def demand_only_champion(self, version: str) -> None:
        """All of the traffic is on a version, nothing is under rollout, and the ledger is whole."""
        self.follows(None)
        assert self.serving() == {version}
        assert self.registry.champion(MODEL) == version
        assert self.flags() is None
        assert httpx.get(f"{self.url}/models/{MODEL}").json()["candidates"] == []
        assert open_ledger(self.environment, MODEL).broken_at() is None

    def tidy(self) -> None:
        """End what a test left on."""
        rollout = self.flags()
        set_kill_switch(self.environment.flags_file, MODEL, on=False)
        clear_rollout(self.environment.flags_file, MODEL)
        if rollout is not None:
            self.registry.forget_challenger(MODEL, rollout.challenger)
            with open_server(self.environment) as server:
                discard(server, MODEL, rollout.challenger)


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """Yield a house whose version 1 is champion."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_STATE", str(folder / "state"))
        variables.setenv("AIRWORTHY_MODELS", str(folder / "models"))
        variables.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
        house = House(folder)
        with running_server(house.environment) as running:
            variables.setenv("AIRWORTHY_SERVER_URL", running.url)
            house.url = running.url
            house.made("2026-03-20", last="deploy_production")
            yield house
