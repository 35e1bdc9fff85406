"""Cost of one drift check: 1,000,000 x 20 live rows against as many reference rows, all counted.

Prints peak memory, and the ratio to plain numpy on the same scores of the same rows: ratios hold
between machines, seconds do not. ``airworthy monitor-quality MODEL`` tells how good the monitor is.
Run: ``python benchmarks/monitoring.py [--rows 1000000]``.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

LIVE, WEEKS = date(2026, 3, 30), 4
NUMBERS, CATEGORIES = 15, 5
COLUMNS = {f"n{i}": "float" for i in range(NUMBERS)} | {
    f"c{i}": "category" for i in range(CATEGORIES)
}


def day_of_rows(day: date, rows: int) -> pl.DataFrame:
    """Return one day: normal, skewed and whole numbers with some missing, and categories; the live
    day is moved.
    """
    chance, moved = np.random.default_rng(day.toordinal()), 0.2 if day == LIVE else 0.0
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    columns: dict[str, Any] = {
        "id": day.toordinal() * 10_000_000 + np.arange(rows),
        "at": pl.Series(
            int(start.timestamp() * 1e6) + np.sort(chance.integers(0, 86_400_000_000, rows))
        ).cast(pl.Datetime("us", "UTC")),
    }
    for number in range(NUMBERS):
        values = (
            chance.lognormal(moved, 0.5, rows)
            if number % 3 == 0
            else chance.normal(moved, 1.0, rows)
        )
        values = values.round() if number % 3 == 1 else values
        values[chance.random(rows) < 0.01] = np.nan
        columns[f"n{number}"] = pl.Series(values).fill_nan(None)
    for number in range(CATEGORIES):
        columns[f"c{number}"] = pl.Series([f"value {i}" for i in range(30)]).gather(
            chance.integers(0, 30, rows)
        )
    columns["y"] = chance.normal(size=rows)
    return pl.DataFrame(columns)


def job_for(folder: Path) -> Any:
    """Return a job as of the end of the live day."""
    from airworthy.environment import Environment
    from airworthy.handover import RunRequest
    from airworthy.job import Job
    from airworthy.spec import ModelSpec

    spec = ModelSpec.model_validate(
        {
            "model": "bench",
            "task": "regression",
            "owner": "bench",
            "start": "2026-01-01",
            "ingest": {
                "source": {
                    "type": "files",
                    "format": "parquet",
                    "path": str(folder / "{yyyy}-{mm}-{dd}.parquet"),
                },
                "event_time": "at",
                "key": ["id"],
                "label": "y",
                "columns": {"id": "int", **COLUMNS, "y": "float"},
            },
            "train": {"lookback": "42d", "holdout": "1d"},
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
    as_of = datetime(LIVE.year, LIVE.month, LIVE.day, tzinfo=UTC) + timedelta(days=1)
    return Job(
        spec, environment, RunRequest(model="bench", as_of=as_of, reason="manual", run_id="bench")
    )


def prepare(folder: Path, rows: int) -> None:
    """Ingest the live day, and as many rows of its weekday in earlier weeks; in its own process.

    A forked process begins with its parent's peak memory.
    """
    logging.getLogger("airworthy").setLevel(
        logging.ERROR
    )  # of the days between there is nothing to say
    from airworthy.stages.ingest import ingest

    for week in range(WEEKS + 2):
        day = LIVE - timedelta(weeks=week)
        day_of_rows(day, rows // WEEKS if week else rows).write_parquet(folder / f"{day}.parquet")
    print(json.dumps({"rows": ingest(job_for(folder)).rows}))


def check(folder: str, drawn: bool) -> None:
    """Check the live day twice, the second time with a cache; print seconds and peak memory.

    This is a process's whole work. The champion is a stand-in for a model with an importance for
    every column: fitting and loading a real one are not measured here.
    """
    from types import SimpleNamespace

    from airworthy.monitoring.evidently_report import draw_report, sample_spans
    from airworthy.monitoring.live_rows import LakeRows
    from airworthy.monitoring.spans import Span
    from airworthy.monitoring.window_cache import WindowCache
    from airworthy.monitoring.window_comparison import WindowComparison

    job = job_for(Path(folder))
    end = job.run.as_of
    live, rows = Span(end - timedelta(days=1), end), LakeRows.at(job)
    training = Span(end - timedelta(weeks=WEEKS + 2), end - timedelta(days=1))
    champion: Any = SimpleNamespace(
        version="1",
        digest="bench",
        importance=dict.fromkeys(COLUMNS, 1 / len(COLUMNS)),
        rows=rows,
        training=training,
        holdout=Span(training.end, training.end),
    )
    kept = WindowCache.of(job, champion)
    kept.bins(job.spec.inputs)  # made once for every champion
    first, result = timed(
        lambda: WindowComparison(
            job.spec, champion, rows, WindowCache.of(job, champion)
        ).compare_inputs(live, "drift")
    )
    for path in Path(job.environment.beside_lake(job.spec.model, "windows")).rglob(
        f"{live.name}*.json"
    ):
        path.unlink()
    hourly, _ = timed(
        lambda: WindowComparison(
            job.spec, champion, rows, WindowCache.of(job, champion)
        ).compare_inputs(live, "drift")
    )
    page = 0.0
    if drawn:
        columns = list(job.spec.inputs)
        page, _ = timed(
            lambda: draw_report(
                job.spec,
                sample_spans(rows, [live], columns),
                sample_spans(rows, list(result.reference_rows.spans), columns),
            )
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    scores = {f"{s.column} {s.aspect}": s.effect for s in result.shifts}
    print(
        json.dumps(
            {"first": first, "hourly": hourly, "page": page, "peak_mib": peak, "scores": scores}
        )
    )


def plain(folder: str) -> None:
    """Compute the same scores of the same rows by plain numpy, from the same files; print seconds
    and peak memory.
    """
    columns = list(COLUMNS)

    def compute() -> dict[str, float]:
        live = pl.read_parquet(f"{folder}/{LIVE}.parquet", columns=columns)
        paths = [f"{folder}/{LIVE - timedelta(weeks=week + 1)}.parquet" for week in range(WEEKS)]
        reference = pl.concat([pl.read_parquet(path, columns=columns) for path in paths])
        result: dict[str, float] = {}
        for name in columns:
            score = plain_numbers if name.startswith("n") else plain_categories
            a, b = (side[name].drop_nulls().to_numpy() for side in (live, reference))
            result |= {f"{name} {aspect}": value for aspect, value in score(a, b).items()}
            result[f"{name} missing"] = abs(
                live[name].null_count() / live.height
                - reference[name].null_count() / reference.height
            )
        return result

    seconds, scores = timed(compute)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "scores": scores}))


def plain_numbers(live: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Return the Wasserstein distance over the standard deviation, and the log ratio of the
    standard deviations.
    """
    live, reference = np.sort(live), np.sort(reference)
    both = np.concatenate([live, reference])
    both.sort(kind="stable")  # which merges what is sorted already
    below = [
        np.searchsorted(side, both[:-1], side="right") / side.size for side in (live, reference)
    ]
    distance = float(np.sum(np.abs(below[0] - below[1]) * np.diff(both)))
    return {
        "distance": distance / reference.std(),
        "spread": abs(float(np.log(live.std() / reference.std()))),
    }


def plain_categories(live: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Return the Jensen-Shannon distance, and the share of values unknown to the reference."""
    result = [np.unique(side.astype("U"), return_counts=True) for side in (live, reference)]
    names = np.union1d(result[0][0], result[1][0])
    p, q = np.zeros(names.size), np.zeros(names.size)
    for shares, (values, counts) in zip((p, q), result, strict=True):
        shares[np.searchsorted(names, values)] = counts / counts.sum()
    middle = (p + q) / 2
    parts = [np.sum(side[side > 0] * np.log(side[side > 0] / middle[side > 0])) for side in (p, q)]
    return {"distance": float(np.sqrt(max(sum(parts) / 2, 0.0))), "new": float(p[q == 0].sum())}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return a call's duration in seconds, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def in_process(*arguments: str) -> dict[str, Any]:
    """Run a part of this benchmark in its own process, with its own peak memory."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def report(rows: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        in_process("--prepare", folder, "--rows", str(rows))
        bare, ours, whole = (
            in_process(part, folder) for part in ("--plain", "--check", "--check-and-draw")
        )
    apart = max(abs(ours["scores"][name] - bare["scores"][name]) for name in bare["scores"])
    print(f"one drift check: {rows:,} x {len(COLUMNS)} live rows against {rows // WEEKS * WEEKS:,}")
    print(f"  plain numpy, same scores: {bare['seconds']:.1f} s, {bare['peak_mib']:,.0f} MiB")
    print(f"  scores differ by at most: {apart:.4f}")
    print(
        f"  nothing remembered:       {ours['first'] / bare['seconds']:.2f} x plain numpy ({ours['first']:.1f} s)"
    )
    print(
        f"  reference remembered:     {ours['hourly'] / bare['seconds']:.2f} x plain numpy ({ours['hourly']:.1f} s)"
    )
    print(
        f"  peak memory:              {ours['peak_mib']:,.0f} MiB; with Evidently's page {whole['peak_mib']:,.0f} MiB"
    )
    print(f"  Evidently's page, its import included: {whole['page']:.1f} s")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--prepare", metavar="FOLDER")
    parser.add_argument("--plain", metavar="FOLDER")
    parser.add_argument("--check", metavar="FOLDER")
    parser.add_argument("--check-and-draw", metavar="FOLDER")
    options = parser.parse_args()
    if options.prepare:
        prepare(Path(options.prepare), options.rows)
    elif options.plain:
        plain(options.plain)
    elif options.check or options.check_and_draw:
        check(options.check or options.check_and_draw, drawn=bool(options.check_and_draw))
    else:
        report(options.rows)


if __name__ == "__main__":
    main()
