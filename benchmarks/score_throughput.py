"""Cost of batch scoring: rows/s against XGBoost's bare `inplace_predict`, and bounded memory.

Prints ratios: they hold between machines, seconds do not.
Run: ``python benchmarks/score_throughput.py [--days 30]``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

MODEL, TRAINED, ROWS = "delivery_eta", "2026-01-30", 200_000
FIRST = date(2026, 2, 1)
TURNS = 3
PROJECT = Path(__file__).resolve().parents[1]


def payload_for(day: date) -> dict[str, Any]:
    """Return the payload of a run as of a day."""
    return {
        "run": {
            "model": MODEL,
            "as_of": f"{day}T00:00:00Z",
            "reason": "manual",
            "run_id": f"bench-{day}",
        }
    }


def prepare(days: int) -> None:
    """Make a champion, and bring the days to score into the lake; print the payload of `score` as
    JSON.
    """
    from airworthy.environment import load_environment
    from airworthy.handover.catalogue import STAGES
    from airworthy.ledger import open_ledger
    from airworthy.ledger.events import AliasMove
    from airworthy.stages import run_stage

    payload = payload_for(date.fromisoformat(TRAINED))
    for name in ("ingest", "validate", "train", "evaluate", "register"):
        payload[STAGES[name].output] = run_stage(name, payload)
    version = payload["version"]
    move = AliasMove(to=version["version"], bundle_digest=version["bundle_digest"])
    open_ledger(load_environment(), MODEL).append(move, run_id="bench", who="bench")
    scored = payload_for(FIRST + timedelta(days=days))
    print(json.dumps({**scored, "scoring_inputs": run_stage("ingest_inputs", scored)}))


def measure(days: int) -> None:
    """Score the first days twice; print seconds, peak memory and commits, as JSON: a process's
    whole work.
    """
    from airworthy.stages import run_stage

    payload = json.loads(sys.stdin.read())
    dataset = payload["scoring_inputs"]["dataset"]
    dataset["partitions"] = dict(sorted(dataset["partitions"].items())[:days])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    first = run_stage("score", payload)
    took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    second = run_stage("score", payload)
    written = second["table_version"] - first["table_version"]
    print(
        json.dumps(
            {
                "seconds": took,
                "peak_mib": peak,
                "before_mib": before,
                "rows": first["rows_written"],
                "again": written,
                "rows_again": second["rows_written"],
            }
        )
    )


def against_bare() -> None:
    """Print scoring's rows/s as a share of `inplace_predict`'s on the same features: the best of
    some turns of both.
    """
    import xgboost

    from airworthy.batch_scoring.load_champion import load_champion
    from airworthy.environment import load_environment
    from airworthy.handover import ScoringInputs
    from airworthy.lake import open_lake
    from airworthy.stages import run_stage

    payload = json.loads(sys.stdin.read())
    dataset = payload["scoring_inputs"]["dataset"]
    inputs = ScoringInputs.model_validate(payload["scoring_inputs"])
    environment = load_environment()
    lake = open_lake(environment, MODEL, "score")
    bundle = load_champion(environment, inputs, lake.schema_of(inputs.dataset))
    frame = lake.read_partition(
        inputs.dataset, datetime.fromisoformat(min(dataset["partitions"])).date()
    )
    matrix = bundle.features.matrix(frame.select(list(bundle.manifest.inputs)))
    booster: xgboost.Booster = bundle.booster
    table = Path(environment.lake) / MODEL / "batch_predictions"
    dataset["partitions"] = dict(sorted(dataset["partitions"].items())[:1])
    bare, features, full = [], [], []
    for _ in range(TURNS):
        bare.append(timed(lambda: booster.inplace_predict(matrix)))
        features.append(timed(lambda: bundle.predict(frame.select(list(bundle.manifest.inputs)))))
        shutil.rmtree(table, ignore_errors=True)
        full.append(timed(lambda: run_stage("score", payload)))
    print(
        json.dumps(
            {
                "rows": frame.height,
                "bare": min(bare),
                "features": min(features),
                "score": min(full),
                "trees": booster.num_boosted_rounds(),
            }
        )
    )


def timed(do: Any) -> float:
    """Return how many seconds something takes."""
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def write_model(folder: Path, days: int) -> None:
    """Copy the shipped model, with big days of its own to score."""
    shutil.copytree(PROJECT / "include" / "models" / MODEL, folder / MODEL)
    spec = folder / MODEL / "model.yaml"
    text = spec.read_text(encoding="utf-8")
    source = f"{{type: simulator, rows_per_day: {ROWS}, seed: 3}}"
    score = f"\nscore: {{window: {days}d, source: {source}}}\n"
    spec.write_text(text + score, encoding="utf-8")


def run(folder: Path, what: str, days: int, given: str = "") -> dict[str, Any]:
    """Run a part of this file in its own process, with its own peak memory; return its output.

    Args:
        folder: The folder.
        what: The part.
        days: How many days.
        given: Its input.
    """
    environment = {
        **os.environ,
        "AIRWORTHY_STATE": str(folder / "state"),
        "AIRWORTHY_MODELS": str(folder / "models"),
    }
    command = [sys.executable, __file__, "--only", what, "--days", str(days)]
    done = subprocess.run(
        command, env=environment, input=given, check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument(
        "--only", choices=("prepare", "measure", "against_bare"), help=argparse.SUPPRESS
    )
    chosen = parser.parse_args()
    if chosen.only == "against_bare":
        against_bare()
    elif chosen.only:
        {"prepare": prepare, "measure": measure}[chosen.only](chosen.days)
    else:
        compare(chosen.days)


def compare(days: int) -> None:
    """Print the comparison."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_model(folder / "models", days)
        given = json.dumps(run(folder, "prepare", days))
        speed = run(folder, "against_bare", 1, given)
        shutil.rmtree(folder / "state" / "lake" / MODEL / "batch_predictions")
        one = run(folder, "measure", 1, given)
        shutil.rmtree(folder / "state" / "lake" / MODEL / "batch_predictions")
        many = run(folder, "measure", days, given)
    rows = speed["rows"]
    for name, what in (
        ("bare", "inplace_predict alone"),
        ("features", "with features"),
        ("score", "all of `score`"),
    ):
        print(
            f"{what:22} {rows / speed[name]:12,.0f} rows/s, {speed[name] / speed['bare']:.2f} x the time"
        )
    print(f"  ({speed['trees']} trees, one day of {rows:,} rows)")
    print(
        f"peak memory: {days} days {many['peak_mib']:.0f} MiB, one day {one['peak_mib']:.0f} MiB: "
        f"{many['peak_mib'] / one['peak_mib']:.2f} x (aim: at most 1.5)"
    )
    print(f"{days} days: {many['rows'] / many['seconds']:,.0f} rows/s, all in")
    print(
        f"scored again: {many['rows_again']:.0f} rows and {many['again']:.0f} commits (aim: 0 and 0)"
    )


if __name__ == "__main__":
    main()
