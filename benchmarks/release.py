"""A whole release and a rollback under a steady load: failures, versions and latencies.

    python benchmarks/release.py [--rate 200] [--bake 25] [--servers 1]

The real stages build two versions of a small ``delivery_eta``. Processes of their own send requests
at a steady rate, each with its own targeting key, to one model server or, in equal parts, to
several. Meanwhile the second version is released: checked in
the server, in shadow, at 10 %, at 50 %, to all; then ``airworthy rollback`` goes back to the first.
The guard polls each step but the last for ``--bake`` seconds: with 100, each canary step sees
20,000 requests.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from load.server_processes import PROJECT, free_port, process
from load.steady_load import Answered

MODEL = "delivery_eta"
WATCHED: tuple[Any, ...] = ("shadow", 10, 50)
QUIET_SECONDS, AFTER_SECONDS = 15.0, 5.0
LOOK_SECONDS = 0.5
# A server looks at the ledger several times a second: until then a step has not begun for it.
SETTLE_SECONDS = 1.0

Window = tuple[float, float]


def make_model(models: Path, bake: int) -> None:
    """Copy the model with little data, gates for every version, and the measured rollout."""
    folder = models / MODEL
    shutil.copytree(PROJECT / "include" / "models" / MODEL, folder)
    spec = yaml.safe_load((folder / "model.yaml").read_text())
    spec["train"] |= {"lookback": "8d", "holdout": "2d"}
    spec["train"].pop("search", None)
    because = "the release is measured, whichever version is better"
    spec["evaluate"] = {
        "gates": [{"metric": spec["evaluate"]["gates"][0]["metric"], "max": 1000}],
        "waive": [{"gate": gate, "because": because} for gate in ("champion", "baseline")],
    }
    spec["release"] = {"approval": "auto", "rollout": [*WATCHED, "full"], "bake": f"{bake}s"}
    (folder / "model.yaml").write_text(yaml.safe_dump(spec))


def deliver(payload: dict[str, Any], names: list[str]) -> None:
    """Run stages in order, adding their outputs to the payload."""
    from airworthy.handover.catalogue import STAGES
    from airworthy.stages import run_stage

    for name in names:
        payload[STAGES[name].output] = run_stage(name, payload)


def poll_until_done(payload: dict[str, Any], step: Any) -> Window:
    """Poll a step until it is done, and return its begin and end, in UTC seconds."""
    from airworthy.stages import run_stage

    while True:
        status = run_stage("rollout", payload | {"rollout_request": {"step": step}})
        if status["state"] == "done" and status["since"] is None:
            return 0.0, 0.0
        if status["state"] == "done":
            return datetime.fromisoformat(status["since"]).timestamp(), time.time()
        if status["state"] not in ("waiting", "baking"):
            raise SystemExit(f"step {step} was not done: {status}")
        time.sleep(LOOK_SECONDS)


def release(payload: dict[str, Any]) -> dict[str, Window]:
    """Release the version in the payload, step by step, and return when each step was on."""
    windows: dict[str, Window] = {}
    deliver(payload, ["deploy_staging"])
    for step in WATCHED:
        windows[str(step)] = poll_until_done(payload, step)
    started = time.time()
    deliver(payload, ["deploy_production"])
    if not payload["deployment"]["promoted"]:
        raise SystemExit(f"the version was not released: {payload['deployment']['reason']}")
    windows["full"] = (started, time.time())
    return windows


def new_version(run_id: str, as_of: str) -> dict[str, Any]:
    """Train and register a version and return the stage outputs."""
    run = {"model": MODEL, "as_of": f"{as_of}T00:00:00Z", "reason": "manual", "run_id": run_id}
    payload: dict[str, Any] = {"run": run}
    deliver(payload, ["ingest", "validate", "train", "evaluate", "register"])
    return payload


@contextmanager
def steady_load(url: str, rate: float, folder: Path) -> Iterator[list[Answered]]:
    """Send requests for as long as the block lasts; the list has the answers after it.

    Args:
        url: The address.
        rate: Requests a second.
        folder: Gets body and answers.
    """
    answer = urllib.request.urlopen(f"{url}/models/{MODEL}/example").read()  # noqa: S310
    example = json.loads(answer)["dataframe_split"]
    one_row = {"dataframe_split": {"columns": example["columns"], "data": example["data"][:1]}}
    (folder / "body.json").write_text(json.dumps(one_row))
    command = [
        sys.executable,
        str(Path(__file__).parent / "load" / "steady_load.py"),
        f"{url}/models/{MODEL}/invocations",
    ]
    command += [
        "--body",
        str(folder / "body.json"),
        "--out",
        str(folder / "answers.jsonl"),
        "--rate",
        str(rate),
    ]
    answers: list[Answered] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        try:
            if load.stdout.readline() != "started\n":
                raise SystemExit("the load did not start")
            yield answers
        finally:
            load.stdin.close()
            load.wait()
    lines = (folder / "answers.jsonl").read_text().splitlines()
    answers.extend(Answered(**json.loads(line)) for line in lines)


def roll_back() -> Window:
    """Run the command and return when it ran."""
    started = time.time()
    command = [
        sys.executable,
        "-m",
        "airworthy",
        "rollback",
        MODEL,
        "--reason",
        "the benchmark's last step",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return started, time.time()


@contextmanager
def loads(urls: list[str], rate: float, folder: Path) -> Iterator[list[Answered]]:
    """Send requests to several servers; see `steady_load`.

    Args:
        urls: Their addresses.
        rate: Requests a second, of all together.
        folder: Gets bodies and answers.
    """
    answers: list[Answered] = []
    parts = []
    with ExitStack() as stack:
        for number, url in enumerate(urls):
            place = folder / f"load_{number}"
            place.mkdir()
            parts.append(stack.enter_context(steady_load(url, rate / len(urls), place)))
        yield answers
    for part in parts:
        answers.extend(part)


def run(folder: Path, rate: float, bake: int, servers: int) -> None:
    """Release and roll back under load, and print the measurements.

    Args:
        folder: The folder.
        rate: Requests a second.
        bake: Seconds of each step.
        servers: The number of model servers.
    """
    from airworthy.serving.admin_token import ensure_token

    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(servers)]
    os.environ |= {
        "AIRWORTHY_ENV": "local",
        "AIRWORTHY_STATE": str(folder / "state"),
        "AIRWORTHY_MODELS": str(folder / "models"),
        "AIRWORTHY_SERVER_URL": urls[0],
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    make_model(folder / "models", bake)
    ensure_token(folder / "state" / "server_token")
    with ExitStack() as stack:
        for url in urls:
            port = url.rpartition(":")[2]
            serve = [sys.executable, "-m", "airworthy", "serve", "--port", port]
            log = folder / f"server_{port}.log"
            stack.enter_context(process(serve, f"{url}/health/ready", log))
        first = new_version("first", "2026-03-20")
        release(first)
        second = new_version("second", "2026-03-21")
        with loads(urls, rate, folder) as answers:
            began = time.time()
            time.sleep(QUIET_SECONDS)
            released = time.time()
            windows = release(second)
            time.sleep(AFTER_SECONDS)
            rolled = roll_back()
            time.sleep(AFTER_SECONDS)
    report(
        answers,
        rate,
        {"before": (began, released), **windows},
        rolled,
        second["version"]["version"],
    )


def report(
    answers: list[Answered],
    rate: float,
    windows: dict[str, Window],
    rolled: Window,
    challenger: str,
) -> None:
    """Print the table.

    Args:
        answers: All answers.
        rate: Requests a second.
        windows: The steps' times.
        rolled: The rollback's time.
        challenger: Its version.
    """
    failed = [answer for answer in answers if answer.status != 200]
    print(f"{len(answers)} requests at {rate:g}/s, failed: {len(failed)}")
    for answer in failed[:5]:
        print(f"  {answer}")
    print(f"{'':12}{'requests':>10}{'challenger':>12}{'p50 ms':>9}{'p99 ms':>9}")
    shares = {"before": 0, "shadow": 0, "10": 10, "50": 50}
    for name, (since, until) in windows.items():
        settle = SETTLE_SECONDS if name in ("10", "50") else 0.0
        in_step = [answer for answer in answers if since + settle <= answer.sent < until]
        _line(name, in_step, challenger, shares.get(name))
    _line(
        "rollback",
        [answer for answer in answers if rolled[0] <= answer.sent <= rolled[1]],
        challenger,
        None,
    )
    last = max(answer.sent + answer.seconds for answer in answers if answer.version == challenger)
    print(
        f"rollback: {rolled[1] - rolled[0]:.1f} s by command, the last bad answer {last - rolled[0]:.1f} s after it"
    )
    assert not failed


def _line(name: str, in_step: list[Answered], challenger: str, shares: int | None) -> None:
    seconds = sorted(answer.seconds for answer in in_step)
    share = 100 * sum(answer.version == challenger for answer in in_step) / len(in_step)
    p50, p99 = (
        seconds[min(len(seconds) - 1, int(part * len(seconds)))] * 1e3 for part in (0.5, 0.99)
    )
    flag = "" if shares is None else f"   the step says {shares} %"
    print(f"{name:12}{len(in_step):>10}{share:>10.2f} %{p50:>9.2f}{p99:>9.2f}{flag}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--bake", type=int, default=25, help="seconds that each step is watched")
    parser.add_argument("--servers", type=int, default=1, help="model servers on one ledger")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run(Path(scratch), options.rate, options.bake, options.servers)


if __name__ == "__main__":
    main()
