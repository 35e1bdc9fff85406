"""Duration of ``airworthy lineage``, with its process's start: 1,000 partitions, 200 versions.

Lake, records, ledger and prediction log are really written, by the project's own code, within a
minute or two; each answer is checked. Aim: a prediction's id is answered in under 2 seconds.
Run: ``python benchmarks/lineage.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

FIRST = date(2024, 1, 1)
MODEL = "bench"
REPEATS = 5
SPEC: dict[str, Any] = {
    "model": MODEL, "task": "regression", "owner": "bench", "start": str(FIRST),
    "ingest": {
        "source": {"type": "simulator", "rows_per_day": 20}, "event_time": "picked_up_at", "key": ["delivery_id"],
        "label": "minutes",
        "columns": {
            "delivery_id": "int", "city": "category", "vehicle": "category", "weather": "category",
            "distance_km": "float", "stops": "int", "parcel_kg": "float", "minutes": "float",
        },
    },
    "train": {"lookback": "1000d", "holdout": "3d"},
    "evaluate": {"gates": [{"metric": "rmse", "max": 10}]},
}  # fmt: skip


def main() -> None:
    """Write the history, then print the time of each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--versions", type=int, default=200)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        prediction = write(Path(folder), chosen.partitions, chosen.versions)
        wrote = time.perf_counter() - started
        print(
            f"wrote {chosen.partitions:,} partitions and {chosen.versions} versions in {wrote:.0f} s"
        )
        newest, middle = chosen.versions, chosen.versions // 2
        day = FIRST + timedelta(days=chosen.partitions // 2)
        for what, reference, versions in (
            ("what made this prediction?", prediction, [newest]),
            (
                "which models used this partition?",
                f"{MODEL}/{day}",
                list(range(1, chosen.versions + 1)),
            ),
            ("a version", f"{MODEL}/{middle}", [middle]),
        ):
            seconds = [ask(Path(folder), reference, versions) for _ in range(REPEATS)]
            print(
                f"{what:34} median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s"
            )
        print("(aim: a prediction's id in under 2 s)")
    bare = [
        run([sys.executable, "-c", "import typer, polars, deltalake"], dict(os.environ))[0]
        for _ in range(REPEATS)
    ]
    print(
        f"of which Python with typer, polars and deltalake alone: {statistics.median(bare):.2f} s"
    )


def ask(folder: Path, reference: str, versions: list[int]) -> float:
    """Run the command as a person would; return its process's seconds.

    Args:
        folder: The history.
        reference: The asked reference.
        versions: The versions in the right answer.
    """
    variables = {**os.environ, **variables_of(folder)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds, output = run(
        [sys.executable, "-m", "airworthy", "lineage", reference, "--json"], variables
    )
    answer = json.loads(output)
    assert answer["versions"] == [str(version) for version in versions], answer["versions"]
    return seconds


def run(command: list[str], variables: dict[str, str]) -> tuple[float, str]:
    """Return a process's seconds and its output."""
    started = time.perf_counter()
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, done.stdout


def variables_of(folder: Path) -> dict[str, str]:
    """Return the variables of a process that uses the history in a folder."""
    return {
        "AIRWORTHY_STATE": str(folder / "state"),
        "AIRWORTHY_MODELS": str(folder / "models"),
        "AIRWORTHY_ENV": "",
    }


def write(folder: Path, partitions: int, versions: int) -> str:
    """Write a history of nightly runs; return the id of the newest version's prediction.

    Args:
        folder: The folder.
        partitions: How many days.
        versions: How many versions.
    """
    import yaml

    from airworthy.environment import load_environment
    from airworthy.job import Job
    from airworthy.lake.dataset_records import DatasetRecord
    from airworthy.lake.datasets import open_datasets
    from airworthy.ledger import open_ledger
    from airworthy.spec import load_spec
    from airworthy.stages.ingest import ingest

    os.environ.update(variables_of(folder))
    (folder / "models" / MODEL).mkdir(parents=True)
    path = folder / "models" / MODEL / "model.yaml"
    path.write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    path.with_name("features.py").write_text(
        "import polars as pl\nFEATURES = {'km': pl.col('distance_km')}\n"
    )
    environment = load_environment()
    last = ingest(
        Job(load_spec(path), environment, request(versions, FIRST + timedelta(days=partitions)))
    )
    datasets, ledger = open_datasets(environment, MODEL), open_ledger(environment, MODEL)
    [(_, record)] = datasets.events(DatasetRecord)
    for version, dataset in enumerate(windows(last, versions), start=1):
        datasets.add(dataset, *events(version, dataset, record))
        for event in decisions(version, dataset):
            ledger.append(event, run_id=f"run-{version}", who="bench")
    return predict(environment, str(versions))


def request(version: int, as_of: date) -> Any:
    """Return the run behind a version."""
    from airworthy.handover import RunRequest

    moment = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    return RunRequest(
        model=MODEL,
        as_of=moment,
        reason="scheduled",
        run_id=f"run-{version}",
        dag_id=f"{MODEL}__train",
        requested_by="bench",
    )


def windows(last: Any, versions: int) -> Iterator[Any]:
    """Return the dataset versions of the nightly runs: each window a day longer than the one
    before.
    """
    from airworthy.features import polars_schema
    from airworthy.handover import Window
    from airworthy.lake.digest import dataset_digest

    days = list(last.partitions)
    for left_out in reversed(range(versions)):
        held = {day: last.partitions[day] for day in days[: len(days) - left_out]}
        window = Window(start=last.window.start, end=last.window.end - timedelta(days=left_out))
        digest = dataset_digest(held, polars_schema(SPEC["ingest"]["columns"]))
        yield last.model_copy(
            update={"window": window, "partitions": held, "digest": digest, "rows": 20 * len(held)}
        )


def events(version: int, dataset: Any, record: Any) -> list[Any]:
    """Return the records of ingest, validate, train and evaluate about a dataset version and a
    model.

    Args:
        version: The version's number.
        dataset: Its dataset version.
        record: The record of the dataset version.
    """
    from airworthy.lake.dataset_records import BenchmarkRecord, TrainingRecord, ValidationRecord

    window, now = dataset.window, datetime.now(UTC)
    who: dict[str, Any] = {
        "run_id": f"run-{version}",
        "dag_id": f"{MODEL}__train",
        "requested_by": "bench",
        "time": now,
    }
    about = {
        "id": dataset.id,
        "digest": dataset.digest,
        "window": window,
        "rows": dataset.rows,
        **who,
    }
    return [
        record.model_copy(update={**about, "partition_count": len(dataset.partitions)}),
        ValidationRecord(
            **who, success=True, checks=12, warnings=0, failed=[], evidence="validation.json"
        ),
        TrainingRecord(
            **who,
            mlflow_run_id=f"{version:032x}",
            idempotency_key=dataset.digest,
            bundle_digest=dataset.digest,
            git_commit="bench",
            reason="scheduled",
            parameters={"max_depth": 6},
            best_iteration=50,
            start=window.start,
            tuning_start=window.end - timedelta(days=6),
            holdout_start=window.end - timedelta(days=3),
            end=window.end,
            rows={"learning": dataset.rows - 120, "tuning": 60, "holdout": 60},
        ),
        BenchmarkRecord(
            **who,
            mlflow_run_id=f"{version:032x}",
            outcome="pass",
            champion_version=str(version - 1) or None,
            holdout_rows=60,
            metrics={"challenger": {"rmse": 3.0}, "baseline": {"rmse": 9.0}},
        ),
    ]


def decisions(version: int, dataset: Any) -> Iterator[Any]:
    """Return the ledger events of evaluate, register and the release."""
    from airworthy.ledger.events import AliasMove, Registration, StagingCheck, VerdictReached

    number, before = str(version), str(version - 1) if version > 1 else None
    digests = {"dataset_digest": dataset.digest, "bundle_digest": dataset.digest}
    about = {"dag_id": f"{MODEL}__train", "mlflow_run_id": f"{version:032x}"}
    yield VerdictReached(
        outcome="pass", reasons=[], champion=before, dataset_digest=dataset.digest, **about
    )
    yield Registration(
        version=number, validation_status="approved", reason="scheduled", **about, **digests
    )
    yield StagingCheck(version=number, bundle_digest=dataset.digest, passed=True, reasons=[])
    yield AliasMove(alias="champion", from_=before, to=number, reason="verdict pass", **digests)


def predict(environment: Any, version: str) -> str:
    """Log a thousand requests answered by a version, collect all but the last hundred, return one's
    id.
    """
    from airworthy.bundle import Manifest
    from airworthy.predictions.collect import collect
    from airworthy.predictions.prediction_ids import new_request_id, prediction_id
    from airworthy.predictions.spool import open_prediction_log

    manifest = Manifest(
        model=MODEL, task="regression", inputs={"distance_km": "float"}, features=[], classes=[]
    )
    body = json.dumps({"dataframe_records": [{"distance_km": 2.5}]}).encode()
    ids = [new_request_id() for _ in range(1000)]
    for start, end in ((0, 900), (900, 1000)):
        log = open_prediction_log(environment)
        for request_id in ids[start:end]:
            assert log.record(
                request_id, MODEL, version, "champion", "someone", body, [21.5], manifest
            )
        log.close()
        if start == 0:
            collect(environment, MODEL)
    return prediction_id(ids[450], 0)


if __name__ == "__main__":
    main()
