"""What reading the DAG files costs, beyond Airflow's own import: 100 models against 10 (aim: less than 3 times).

Each reading happens in a process of its own. Two floors are taken off: a process that has imported Airflow's DAG
parser (what Airflow's DAG processor has imported before it forks), and one that has read a DAG file with one plain
DAG as well, so that what Airflow imports with its first DAG is not counted as ours.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
REPEATS = 5
PLAIN = 'from airflow.sdk import DAG\nwith DAG("plain", schedule=None): ...\n'
TIMED = """
import sys, time
started = time.perf_counter()
from airflow.dag_processing.dagbag import DagBag
imported = time.perf_counter()
plain, folder = sys.argv[1:]
DagBag(plain)
warmed = time.perf_counter()
bag = DagBag(folder)
assert not bag.import_errors, bag.import_errors
print(len(bag.dags), imported - started, warmed - imported, time.perf_counter() - warmed)
"""


def main() -> None:
    """Print the costs and their ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "plain"
        plain.mkdir()
        (plain / "plain.py").write_text(PLAIN, encoding="utf-8")
        costs = {count: measure(Path(scratch), plain, count) for count in (10, 100)}
    for count, (imports, first, own) in costs.items():
        print(f"{count:4} models: Airflow's import {imports:.2f} s, its first DAG {first:.3f} s, ours {own:.3f} s")
    with_first = [first + own for _, first, own in (costs[10], costs[100])]
    print(f"100 / 10 beyond Airflow's import:            {with_first[1] / with_first[0]:.2f} x (aim: below 3)")
    print(f"100 / 10 beyond that and Airflow's first DAG: {costs[100][2] / costs[10][2]:.2f} x")
    print(f"a model more: {(costs[100][2] - costs[10][2]) / 90 * 1000:.2f} ms")


def measure(scratch: Path, plain: Path, count: int) -> tuple[float, float, float]:
    """Return the medians of seconds for Airflow's import, its first DAG, and our DAG files."""
    models = scratch / f"models-{count}"
    for number in range(count):
        folder = models / f"model_{number:03d}"
        shutil.copytree(PROJECT / "include" / "models" / "delivery_eta", folder)
        spec = folder / "model.yaml"
        spec.write_text(spec.read_text(encoding="utf-8").replace("model: delivery_eta", f"model: {folder.name}", 1))
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = {
        **kept, "AIRFLOW_HOME": str(scratch), "AIRWORTHY_STATE": str(scratch), "AIRWORTHY_MODELS": str(models),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }  # fmt: skip
    command = [sys.executable, "-c", TIMED, str(plain), str(PROJECT / "dags")]
    rows = []
    for _ in range(REPEATS):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found, *seconds = done.stdout.splitlines()[-1].split()
        assert int(found) == count
        rows.append([float(second) for second in seconds])
    imports, first, own = (statistics.median(column) for column in zip(*rows, strict=True))
    return imports, first, own


if __name__ == "__main__":
    main()
