"""Kills commands at random moments, and asks the doctor whether the invariants of the records hold.

``python tests/faults/random_kills.py FOLDER KILLS [SEED]``. The invariants are listed in
docs/design/records.md. Each command is forked from this process, which has imported everything and
done nothing. It is killed by SIGKILL once, at a random moment of its usual time, then given again
until it ends. The last line is a JSON object: kills by command, those before the command's end, and
what the doctor found.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401
import httpx
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
import typer
import xgboost  # noqa: F401
import yaml

import airworthy.reconciliation.deep
import airworthy.stages.evaluate
import airworthy.stages.ingest
import airworthy.stages.rollback
import airworthy.stages.rollout
import airworthy.stages.score  # noqa: F401
from airworthy.cli.main import app
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.core.release.server_process import server_process
from tests.core.stages.conftest import FEATURES, LET_THROUGH, small_spec

MODEL = "small_model"
COMMANDS = ("run", "release", "collect", "score", "rollback")
_FIRST_DAY = date(2026, 3, 10)
_ATTEMPTS, _LOOKS = 4, 40
_DONE, _REFUSED = 0, 1


@dataclass
class RandomKills:
    """One model in one environment, with a model server.

    Attributes:
        folder: Gets all files.
        chance: The moments.
        seconds: The last time that each command took.
        killed: The kills by command.
        inside: Those that came before the command's end.
        found: What the doctor found after a command was completed.
        day: The day at which the data of the present version end.
    """

    folder: Path
    chance: random.Random
    seconds: dict[str, float] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    found: list[Any] = field(default_factory=list)
    day: date = _FIRST_DAY
    url: str = ""

    def prepare(self) -> None:
        """Write the model, and release its first version without a kill."""
        folder = self.folder / "models" / MODEL
        folder.mkdir(parents=True)
        spec = small_spec(
            MODEL,
            evaluate=LET_THROUGH,
            train={"lookback": "4d", "holdout": "1d", "rounds": 5},
            release={"rollout": ["shadow", 10, "full"], "bake": "1s"},
            score={},
        )
        spec["ingest"]["source"]["rows_per_day"] = 300
        (folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        (folder / "features.py").write_text(FEATURES, encoding="utf-8")
        for command in ("run", "release", "score", "collect"):
            self.complete(command)

    def kill_once(self, command: str) -> None:
        """Kill a command at a random moment, complete it, and ask the doctor."""
        if command == "run":
            self.day += timedelta(days=1)
        if command == "collect":
            self.predict()
        child = self.fork(lambda: self.call(command))
        time.sleep(self.chance.uniform(0, self.seconds.get(command, 1.0)))
        os.kill(child, signal.SIGKILL)
        self.killed[command] += 1
        self.inside[command] += os.waitpid(child, 0)[1] == signal.SIGKILL
        self.complete(command)
        self.examine(command)

    def complete(self, command: str) -> None:
        """Give a command until it ends well."""
        for _ in range(_ATTEMPTS):
            started = time.monotonic()
            child = self.fork(lambda: self.call(command))
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            self.seconds[command] = time.monotonic() - started
            if status == _DONE:
                return
        self.found.append(f"{command} did not end well")

    def fork(self, function: Callable[[], int]) -> int:
        """Run a function in a process of its own and return its id."""
        child = os.fork()
        if child:
            return child
        log = os.open(self.folder / "commands.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        status = _REFUSED
        try:
            status = function()
        finally:
            os._exit(status)

    def call(self, command: str) -> int:
        """Give a command and return its exit code."""
        arguments = {
            "run": [MODEL, "--as-of", f"{self.day}", "--no-release"],
            "release": [MODEL, self.newest(), "--run-id", f"release-{self.day}"],
            "collect": [MODEL],
            "score": [MODEL, "--as-of", f"{self.day}"],
            "rollback": [MODEL, "--run-id", f"back-{self.day}"],
        }
        try:
            return int(app([command, *arguments[command]], standalone_mode=False) or _DONE)
        except (AirworthyError, typer.Exit) as error:
            print(command, error, flush=True)
            return _REFUSED

    def newest(self) -> str:
        """Return the newest registered version; called in a process of its own."""
        from airworthy.registry.registry import open_registry

        versions = open_registry(load_environment()).versions(MODEL)
        return str(versions[-1].version) if versions else "1"

    def predict(self) -> None:
        """Ask the server for a few predictions."""
        address = f"{self.url}/models/{MODEL}"
        example = httpx.get(f"{address}/example", trust_env=False).json()
        for _ in range(5):
            httpx.post(f"{address}/invocations", json=example, trust_env=False)

    def examine(self, command: str) -> None:
        """Ask the doctor. A server may still load a version at the first looks."""
        for _ in range(_LOOKS):
            said = self.doctor()
            if not said:
                return
            time.sleep(0.5)
        self.found.append({"after": command, "day": str(self.day), "found": said})

    def doctor(self) -> list[Any]:
        """Return what the doctor finds, and a rollout that was left on."""
        reading, writing = os.pipe()
        child = self.fork(lambda: _report(writing))
        os.close(writing)
        with os.fdopen(reading) as stream:
            said = stream.read()
        os.waitpid(child, 0)
        return list(json.loads(said)) if said else ["the doctor failed"]


def _report(writing: int) -> int:
    from airworthy.batch_scoring.scoring_inputs import PART
    from airworthy.reconciliation import gather, reconcile
    from airworthy.reconciliation.deep import deep_disagreements
    from airworthy.traffic import traffic_of

    environment = load_environment()
    facts = gather(environment, MODEL)
    found = [each.as_json() for each in reconcile(facts)]
    if facts.ledger_error is None:
        deep = deep_disagreements(environment, facts, ["", PART])
        found += [each.as_json() for each in deep]
        if traffic_of(facts.entries).rollout is not None:
            found.append({"kind": "rollout_left_on"})
    with os.fdopen(writing, "w") as stream:
        stream.write(json.dumps(found))
    return _DONE


def random_kills(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill commands and return the figures of the last line.

    Args:
        folder: Gets all files.
        kills: The number of kills.
        seed: The seed of the moments.
    """
    os.environ.update(
        AIRWORTHY_STATE=str(folder / "state"),
        AIRWORTHY_MODELS=str(folder / "models"),
        AIRWORTHY_SERVER_URL="http://127.0.0.1:9",
    )
    run = RandomKills(folder, random.Random(seed))
    from airworthy.serving.admin_token import ensure_token
    from airworthy.traffic.replica_reports import open_replica_reports

    ensure_token(load_environment().server_token_file)
    with server_process(open_replica_reports(load_environment())) as server:
        os.environ["AIRWORTHY_SERVER_URL"] = run.url = server.url
        run.prepare()
        for number in range(kills):
            run.kill_once(COMMANDS[number % len(COMMANDS)])
    return {
        "seed": seed,
        "kills": dict(run.killed),
        "inside": dict(run.inside),
        "seconds": {command: round(seconds, 1) for command, seconds in run.seconds.items()},
        "found": run.found,
    }


if __name__ == "__main__":
    print(json.dumps(random_kills(Path(sys.argv[1]), int(sys.argv[2]), int([*sys.argv, "1"][3]))))
