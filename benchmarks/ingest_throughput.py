"""Cost of ingest: rows/s against a bare Polars rewrite of the same files, and bounded memory.

Prints ratios: they hold between machines, seconds do not.
Run: ``python benchmarks/ingest_throughput.py [--days 90]``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

FIRST = date(2026, 1, 1)
ROWS = 200_000
COLUMNS = {
    "delivery_id": "int", "city": "category", "vehicle": "category", "weather": "category", "distance_km": "float",
    "stops": "int", "parcel_kg": "float", "courier_experience_days": "float", "temperature_c": "float",
    "minutes": "float",
}  # fmt: skip


def job_for(folder: Path, source: dict[str, Any], days: int) -> Any:
    """Return a job over the first `days` days from a source.

    Args:
        folder: The folder.
        source: The source part of its spec.
        days: How many days.
    """
    from airworthy.environment import Environment
    from airworthy.handover import RunRequest
    from airworthy.job import Job
    from airworthy.spec import ModelSpec

    spec = ModelSpec.model_validate(
        {
            "model": "bench",
            "task": "regression",
            "owner": "bench",
            "start": str(FIRST),
            "ingest": {
                "source": source,
                "event_time": "picked_up_at",
                "key": ["delivery_id"],
                "label": "minutes",
                "columns": COLUMNS,
            },
            "train": {"lookback": f"{max(days, 2)}d", "holdout": "1d"},
            "evaluate": {"gates": [{"metric": "rmse", "max": 10}]},
        }
    )
    environment = Environment(
        name="bench",
        project=folder,
        models=folder,
        state=folder,
        lake=str(folder / "lake"),
        tracking_uri="none",
        artifacts="none",
        server_url="none",
        downloads=folder,
    )
    as_of = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=days)
    return Job(
        spec, environment, RunRequest(model="bench", as_of=as_of, reason="manual", run_id="bench")
    )


def simulate(folder: str, days: int) -> None:
    """Ingest simulated days twice and print seconds, peak memory and the rows read, as JSON."""
    from airworthy.stages.ingest import ingest

    job = job_for(Path(folder), {"type": "simulator", "rows_per_day": ROWS}, days)
    started = time.perf_counter()
    first = ingest(job)
    took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    second = ingest(job)
    written = second.version - first.version
    print(
        json.dumps(
            {"seconds": took, "peak_mib": peak, "read": second.partitions_read, "written": written}
        )
    )


def simulated(days: int) -> dict[str, float]:
    """Run `simulate` in its own process, with its own peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--simulate", folder, "--days", str(days)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return dict(json.loads(done.stdout))


def put_files(folder: Path, days: int, form: str) -> None:
    """Write the daily files for the bare rewrite and for ingest.

    Args:
        folder: The folder.
        days: How many days.
        form: csv or parquet.
    """
    import polars as pl

    from airworthy.lake.sources.simulated_deliveries import generate_deliveries
    from airworthy.spec.sources_part import SimulatorSource

    (folder / "bench").mkdir()
    source = SimulatorSource(type="simulator", rows_per_day=ROWS, bad_share=0.0)
    for n in range(days):
        day = FIRST + timedelta(days=n)
        frame = generate_deliveries(source, day).with_columns(
            pl.col("distance_km").cast(pl.Float64)
        )
        path = folder / f"bench/{day}.{form}"
        frame.write_csv(path) if form == "csv" else frame.write_parquet(path)


def rewrite(folder: Path, form: str) -> float:
    """Read, sort and write the files with Polars alone; return seconds."""
    import polars as pl

    started = time.perf_counter()
    for path in sorted((folder / "bench").glob(f"*.{form}")):
        frame = pl.read_csv(path, try_parse_dates=True) if form == "csv" else pl.read_parquet(path)
        columns = ["picked_up_at", *COLUMNS]
        frame.select(columns).sort("delivery_id").write_parquet(path.with_suffix(".rewritten"))
    return time.perf_counter() - started


def against_rewrite(form: str, days: int) -> None:
    """Print ingest's rows/s as a share of the bare rewrite's: the best of three for both, in turns."""
    from airworthy.stages.ingest import ingest

    source = {"type": "files", "format": form, "path": f"{{yyyy}}-{{mm}}-{{dd}}.{form}"}
    bare, full = [], []
    with tempfile.TemporaryDirectory() as folder:
        put_files(Path(folder), days, form)
        for turn in range(3):
            bare.append(rewrite(Path(folder), form))
            job = job_for(Path(folder), source, days)
            lake = Path(folder) / f"lake{turn}"
            job = type(job)(
                job.spec, job.environment.model_copy(update={"lake": str(lake)}), job.run
            )
            started = time.perf_counter()
            rows = ingest(job).rows
            full.append(time.perf_counter() - started)
    speed = {"ingest": rows / min(full), "rewrite": rows / min(bare)}
    print(
        f"{form:8} ingest {speed['ingest']:12,.0f} rows/s, bare Polars rewrite {speed['rewrite']:12,.0f} rows/s: "
        f"ingest takes {min(full) / min(bare):.2f} x the time"
    )


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--simulate", metavar="FOLDER", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.simulate:
        simulate(chosen.simulate, chosen.days)
        return
    for form in ("parquet", "csv"):
        against_rewrite(form, 5)
    one, many = simulated(1), simulated(chosen.days)
    print(
        f"peak memory: {chosen.days} days {many['peak_mib']:.0f} MiB, one day {one['peak_mib']:.0f} MiB: "
        f"{many['peak_mib'] / one['peak_mib']:.2f} x (aim: at most 1.5)"
    )
    print(f"a simulated day of {ROWS:,} rows, all in: {many['seconds'] / chosen.days:.2f} s")
    print(
        f"second ingest: {many['read']:.0f} partitions read, {many['written']:.0f} commits (aim: 0 and 0)"
    )


if __name__ == "__main__":
    main()
