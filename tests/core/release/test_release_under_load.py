"""A whole release and a rollback while customers keep asking: nobody notices."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from airworthy.stages import run_stage

from .release_environment import MODEL, ReleaseEnvironment, open_release_environment

LOAD = Path(__file__).resolve().parents[3] / "benchmarks" / "load" / "steady_load.py"
PER_SECOND = 200


@contextmanager
def steady_load(env: ReleaseEnvironment, folder: Path) -> Iterator[list[dict[str, Any]]]:
    """Send requests from another process at a steady rate until the block ends; the list has the
    answers.
    """
    example = httpx.get(f"{env.url}/models/{MODEL}/example").json()["dataframe_split"]
    (folder / "body.json").write_text(
        json.dumps({"dataframe_split": {**example, "data": example["data"][:1]}})
    )
    command = [
        sys.executable,
        str(LOAD),
        f"{env.url}/models/{MODEL}/invocations",
        "--rate",
        str(PER_SECOND),
    ]
    command += ["--body", str(folder / "body.json"), "--out", str(folder / "answers.jsonl")]
    answers: list[dict[str, Any]] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        try:
            assert load.stdout.readline() == "started\n"
            yield answers
        finally:
            load.stdin.close()
            assert load.wait() == 0
    answers += [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


def test_nobody_notices_a_release_and_a_rollback(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Shadow, 10 %, 50 %, full, and back: at 200 requests a second not one fails, and each is one
    version's answer.
    """
    with open_release_environment(tmp_path_factory.mktemp("release")) as env:
        # How fast a busy machine answers is not what this is about.
        env.write_spec(rollout=["shadow", 10, 50, "full"], bake="2s", guard={"max_psi": 1000})
        payload = env.train("2026-03-21", last="deploy_staging")
        with steady_load(env, tmp_path) as answers:
            for step in ("shadow", 10, 50):
                assert env.poll_until(payload, step)["state"] == "done"
            assert run_stage("deploy_production", payload)["promoted"] is True
            request = {"to_version": None, "reason": "to see that nobody notices"}
            back = {**payload["run"], "run_id": "back"}
            assert (
                run_stage("rollback", {"run": back, "rollback_request": request})["to_version"]
                == "1"
            )
        env.assert_only_champion("1")
    failed = [answer for answer in answers if answer["status"] != 200]
    assert failed == []
    assert {answer["version"] for answer in answers} == {"1", "2"}
    # Three steps of two seconds: a load that did not come would prove nothing.
    assert len(answers) > 6 * PER_SECOND * 0.9
