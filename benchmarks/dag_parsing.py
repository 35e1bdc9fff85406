"""Cost of reading the DAG files beyond Airflow's own import: 100 models against 10 (aim: < 3x).

The models are copies of ``delivery_eta``: three DAGs each, then four with batch scoring.

Each reading happens in its own process, after the import of Airflow's DAG parser. Airflow's DAG
processor has imported the parser before it forks, so its import is not counted.
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
TIMED = """
import sys, time
started = time.perf_counter()
from airflow.dag_processing.dagbag import DagBag
imported = time.perf_counter()
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
print(len({dag_id.rpartition("__")[0] for dag_id in bag.dags}), imported - started, time.perf_counter() - imported)
"""


def main() -> None:
    """Print the costs and their ratio."""
    for what, more in (("three DAGs a model", ""), ("four DAGs a model", "\nscore: {}\n")):
        print(what)
        with tempfile.TemporaryDirectory() as scratch:
            compare({count: measure(Path(scratch), count, more) for count in (10, 100)})


def compare(costs: dict[int, tuple[float, float]]) -> None:
    """Print the cost of 10 and of 100 models."""
    for count, (imports, own) in costs.items():
        print(
            f"{count:4} models: Airflow's import {imports:.2f} s, reading our DAG files {own:.3f} s"
        )
    few, many = costs[10][1], costs[100][1]
    print(f"100 models / 10 models, beyond Airflow's import: {many / few:.2f} x (aim: below 3)")
    print(f"one more model (all of its DAGs) costs {(many - few) / 90 * 1000:.2f} ms")


def measure(scratch: Path, count: int, more: str) -> tuple[float, float]:
    """Return the medians of seconds for Airflow's import and for our DAG files.

    Args:
        scratch: A temporary folder.
        count: How many models.
        more: Text at the end of each spec.
    """
    models = scratch / f"models-{count}"
    for number in range(count):
        folder = models / f"model_{number:03d}"
        shutil.copytree(PROJECT / "include" / "models" / "delivery_eta", folder)
        spec = folder / "model.yaml"
        text = spec.read_text(encoding="utf-8").replace(
            "model: delivery_eta", f"model: {folder.name}", 1
        )
        spec.write_text(text + more, encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = {
        **kept,
        "AIRFLOW_HOME": str(scratch),
        "AIRWORTHY_STATE": str(scratch),
        "AIRWORTHY_MODELS": str(models),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    command = [sys.executable, "-c", TIMED, str(PROJECT / "dags")]
    rows = []
    for _ in range(REPEATS):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        dag_count, *seconds = done.stdout.splitlines()[-1].split()
        assert int(dag_count) == count
        rows.append([float(second) for second in seconds])
    imports, own = (statistics.median(column) for column in zip(*rows, strict=True))
    return imports, own


if __name__ == "__main__":
    main()
