"""Cost of logging every prediction in the model server, and speed of collecting the log.

Two servers of the same model run side by side, one with a prediction log and one without. They are
measured in short turns, one after the other. Requests/s vary with the machine's other work; the
server's own processor time a request does not.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
from load.load_client import Measured, drive
from load.server_processes import free_port, process
from server import CASES, built_case

TURNS, TURN_SECONDS, WARM_SECONDS = 12, 0.5, 0.1
SERVER = Path(__file__).with_name("server.py")


@dataclass
class Server:
    """One server: its port, its process, and its measurements, turn by turn."""

    port: int
    process: psutil.Process
    turns: list[Measured] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    def measure(self, body: bytes, clients: int) -> None:
        """Measure one turn."""
        import uvloop

        uvloop.run(drive(self.port, "/models/benchmark/invocations", body, clients, WARM_SECONDS))
        before = self.process.cpu_times()
        self.turns.append(
            uvloop.run(
                drive(self.port, "/models/benchmark/invocations", body, clients, TURN_SECONDS)
            )
        )
        after = self.process.cpu_times()
        self.cpu_seconds.append(after.user + after.system - before.user - before.system)

    @property
    def per_second(self) -> float:
        """Requests a second, over all turns."""
        return sum(len(turn.latencies) for turn in self.turns) / sum(
            turn.seconds for turn in self.turns
        )

    @property
    def cpu_microseconds(self) -> float:
        """The server's processor time a request, over all turns."""
        return sum(self.cpu_seconds) / sum(len(turn.latencies) for turn in self.turns) * 1e6


def compare(folder: Path) -> None:
    """Start both servers, measure them in turns, and print the cost of logging."""
    case, spool = built_case(folder), folder / "state" / "spool"
    with ExitStack() as running:
        servers = {}
        for name, more in (("without a log", []), ("with the log", ["--spool", str(spool)])):
            port = free_port()
            command = [
                sys.executable,
                str(SERVER),
                "--serve-bundle",
                str(case.bundle),
                "--port",
                str(port),
                *more,
            ]
            running.enter_context(
                process(command, f"http://127.0.0.1:{port}/health/ready", folder / f"{port}.log")
            )
            servers[name] = (port, _listening_at(port))
        print(
            f"{'rows':>5}{'clients':>9}{'req/s without':>15}{'with':>8}{'us/req without':>16}{'with':>8}{'cost':>8}"
        )
        for rows, clients in CASES:
            split = {"columns": list(case.row), "data": [list(case.row.values())] * rows}
            body = json.dumps({"dataframe_split": split}).encode()
            plain, logging = (Server(*servers[name]) for name in ("without a log", "with the log"))
            for turn in range(TURNS):
                for server in (plain, logging) if turn % 2 else (logging, plain):
                    server.measure(body, clients)
            _print(rows, clients, plain, logging)


def _listening_at(port: int) -> psutil.Process:
    for child in psutil.Process().children(recursive=True):
        if any(
            c.laddr.port == port and c.status == psutil.CONN_LISTEN for c in child.net_connections()
        ):
            return child
    raise SystemExit(f"no child of this process listens at {port}")


def _print(rows: int, clients: int, plain: Server, logging: Server) -> None:
    pairs = zip(plain.turns, logging.turns, strict=True)
    cost = median(1 - with_log.per_second / without.per_second for without, with_log in pairs)
    cpu = plain.cpu_microseconds, logging.cpu_microseconds
    print(
        f"{rows:>5}{clients:>9}{plain.per_second:>15.0f}{logging.per_second:>8.0f}{cpu[0]:>16.1f}{cpu[1]:>8.1f}"
        f"{cost:>8.1%}   (of processor time: {cpu[1] / cpu[0] - 1:.1%})"
    )


def collecting(folder: Path) -> None:
    """Collect the server's log, and print the speed."""
    os.environ["AIRWORTHY_STATE"] = str(folder / "state")
    from airworthy.environment import load_environment
    from airworthy.predictions.collect import collect

    spooled = sum(path.stat().st_size for path in (folder / "state" / "spool").rglob("*.seg"))
    started = time.perf_counter()
    done = collect(load_environment(), "benchmark")
    seconds = time.perf_counter() - started
    peak = psutil.Process().memory_info().rss / 2**20
    print(
        f"\ncollected {done.predictions} predictions ({spooled / 2**20:.0f} MiB) in {seconds:.1f} s: "
        f"{done.predictions / seconds:.0f} rows/s, {peak:.0f} MiB resident afterwards"
    )


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as scratch:
        compare(Path(scratch))
        collecting(Path(scratch))


if __name__ == "__main__":
    main()
