"""The model server with two workers against one, every answer logged.

Clients are processes of their own. Both servers run the same model side by side and are measured in
turns. On a machine with two cores the clients take a part of both.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from load.load_client import Measured, drive
from load.server_processes import free_port, process
from server import Case, built_case, bundle_app, record

TURNS, TURN_SECONDS, WARM_SECONDS = 5, 1.5, 0.3
CLIENT_PROCESSES, CONNECTIONS = 2, 16
SERVERS = {"1 worker": 1, "2 workers": 2}
PATH = "/models/benchmark/invocations"


def drive_from_a_process(port: int, body: bytes, seconds: float) -> Measured:
    """Send requests from one client process. Runs in it.

    Args:
        port: On loopback.
        body: Of every request.
        seconds: The duration.
    """
    import uvloop

    return uvloop.run(drive(port, PATH, body, CONNECTIONS, seconds))


def measure(ports: dict[str, int], case: Case) -> dict[tuple[str, int], Measured]:
    """Measure each server with 1 and with 100 rows a request, in turns."""
    result: dict[tuple[str, int], Measured] = {}
    with ProcessPoolExecutor(CLIENT_PROCESSES, mp_context=get_context("spawn")) as clients:
        for rows in (1, 100):
            split = {"columns": list(case.row), "data": [list(case.row.values())] * rows}
            body = json.dumps({"dataframe_split": split}).encode()
            for turn in range(TURNS):
                for name in sorted(ports, reverse=bool(turn % 2)):
                    for seconds in (WARM_SECONDS, TURN_SECONDS):
                        calls = [
                            clients.submit(drive_from_a_process, ports[name], body, seconds)
                            for _ in range(CLIENT_PROCESSES)
                        ]
                        parts = [call.result() for call in calls]
                    whole = result.setdefault((name, rows), Measured())
                    whole.latencies += [each for part in parts for each in part.latencies]
                    whole.seconds += max(part.seconds for part in parts)
    return result


def serve(bundle: Path, lake: Path, spool: Path, port: int, workers: int) -> None:
    """Serve one bundle with some workers.

    Args:
        bundle: The bundle.
        lake: Has the ledger of the model ``benchmark``.
        spool: Of the prediction log.
        port: On loopback.
        workers: Their number.
    """
    os.environ["POLARS_MAX_THREADS"] = "1"
    from airworthy.server_limits import ServerLimits
    from airworthy.serving.uvicorn_server import serve_alone
    from airworthy.serving.workers import serve_with_workers

    if workers == 1:
        limits = ServerLimits()
        serve_alone(lambda _: bundle_app(bundle, lake, spool), "127.0.0.1", port, limits)
        return
    make_app = partial(bundle_app, bundle, lake, spool)
    folder = spool.with_name("metrics")
    serve_with_workers(make_app, workers, host="127.0.0.1", port=port, metrics=folder)


def compare(case: Case, scratch: Path) -> None:
    """Start both servers, measure, and print the table."""
    lake = record(scratch / "lake", case.bundle, with_canary=False)
    ports: dict[str, int] = {}
    with ExitStack() as running:
        for name, workers in SERVERS.items():
            port = ports[name] = free_port()
            command = [sys.executable, __file__, "--serve-bundle", str(case.bundle)]
            command += ["--port", str(port), "--workers", str(workers), "--lake", str(lake)]
            command += ["--spool", str(scratch / f"spool-{workers}")]
            health = f"http://127.0.0.1:{port}/health/ready"
            running.enter_context(process(command, health, scratch / f"{port}.log"))
        result = measure(ports, case)
    print(f"{'':12}{'rows':>5}{'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}")
    for (name, rows), measured in result.items():
        p50, p99 = measured.percentile(0.5), measured.percentile(0.99)
        print(f"{name:12}{rows:>5}{measured.per_second:>10.0f}{p50:>9.2f}{p99:>9.2f}")
    one, two = SERVERS
    for rows in (1, 100):
        ratio = result[two, rows].per_second / result[one, rows].per_second
        print(f"{two} / {one}, {rows:>3} rows: {ratio:.2f}x requests/s")


def main() -> None:
    """Run the benchmark, or one server for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve-bundle", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--lake", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--spool", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_bundle:
        serve(options.serve_bundle, options.lake, options.spool, options.port, options.workers)
        return
    with tempfile.TemporaryDirectory() as temporary:
        compare(built_case(Path(temporary)), Path(temporary))


if __name__ == "__main__":
    main()
