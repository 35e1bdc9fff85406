"""A train run through Airflow against a cold ``airworthy run`` in one process (aim: 1.25).

Both train ``delivery_eta`` on the same rows of the same window, each on a fresh lake and a fresh
registry. The run through Airflow is timed from the REST call until Airflow calls the run a success,
on its own running stack; the other from the start of its process to its end.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.runs import failed_logs, trigger_run, wait_for_dag, wait_for_run
from airworthy_airflow.stack.layout import PORT_VARIABLES, load_layout
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets

MODEL = "delivery_eta"
DAG_ID = f"{MODEL}__train"
FIRST, SECOND = "2026-03-20", "2026-04-24"
STACK = (sys.executable, "-m", "airworthy_airflow.stack")


def main() -> None:
    """Print the seconds and the ratios."""
    with tempfile.TemporaryDirectory() as scratch:
        alone = {day: run_alone(Path(scratch) / "alone" / day, day) for day in (FIRST, SECOND)}
        through = run_through_airflow(Path(scratch) / "stack")
    for what, day in (("first run of the stack", FIRST), ("second, other window", SECOND)):
        ratio = through[day] / alone[day]
        print(
            f"{what:24} {through[day]:6.1f} s against {alone[day]:6.1f} s alone: {ratio:.2f} x (aim: 1.25)"
        )


def run_alone(state: Path, day: str) -> float:
    """Return the seconds of ``airworthy run`` in a cold process, on a fresh state."""
    command = [sys.executable, "-m", "airworthy", "run", MODEL, "--as-of", day]
    environment = {
        key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    }
    started = time.perf_counter()
    done = subprocess.run(
        command,
        env={**environment, "AIRWORTHY_STATE": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - started


def run_through_airflow(state: Path) -> dict[str, float]:
    """Return the seconds of each day's run, one after the other, on a stack brought up for it."""
    os.environ["AIRWORTHY_STATE"] = str(state)
    for variable, _ in PORT_VARIABLES.values():
        os.environ[variable] = str(free_port())
    try:
        subprocess.run([*STACK, "up"], check=True, stdout=subprocess.DEVNULL)
        layout = load_layout()
        airflow = AirflowApi(layout.url("airflow"), USER, ensure_secrets(layout).password)
        wait_for_dag(airflow, DAG_ID)
        return {day: timed_run(airflow, day) for day in (FIRST, SECOND)}
    finally:
        subprocess.run([*STACK, "down"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(state, ignore_errors=True)


def timed_run(airflow: AirflowApi, day: str) -> float:
    """Return the seconds from the trigger to success."""
    started = time.perf_counter()
    run_id = trigger_run(airflow, DAG_ID, {"as_of": day, "promote": "always"})
    state = wait_for_run(airflow, DAG_ID, run_id, within_seconds=600)
    assert state == "success", failed_logs(airflow, DAG_ID, run_id)
    return time.perf_counter() - started


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
