"""Some days of operation in fast motion, and the growth of each folder.

``python tests/faults/week.py FOLDER [DAYS] [HOURS]``. All processes have a clock that this script
moves on by a day at once (``moved_clock.c``): the model server's too, while it runs. Each simulated
day has a nightly run with its release, a look of the watch, the monitor, scoring, predictions with
labels and their collection once an hour, and `airworthy gc` under a retention of three days. A
table has the bytes by folder after each day. The last line is a JSON object: see `week`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = datetime(2026, 3, 20, 3, tzinfo=UTC)
MODEL = "small_model"
RETENTION = "retention: {artifacts: 3d, versions: 2, champions: 3, evidence: 3d, predictions: 3d}"
CLOCK, SINCE = "MOVED_CLOCK", "MOVED_CLOCK_SINCE"
HOURS, REQUESTS = 12, 100
DAY_SECONDS = 86_400
_NAMES = re.compile(r"[0-9a-f]{32}|m-[0-9a-f]{32}|.*=.*")
_DEPTHS = {"lake": 3, "mlartifacts": 4, "kept": 1, "spool": 3}
_NEARLY, _SLACK_BYTES = 1.02, 256


@dataclass
class Day:
    """The figures after one day.

    Attributes:
        bytes: Bytes by folder.
        files: The number of files by folder.
        server_mib: The resident memory of the model server's processes, in MiB.
        entries: The ledger's entries.
        failed: The commands that did not end well.
        seconds: The real time that the day took.
    """

    bytes: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    server_mib: float = 0.0
    entries: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0


def with_moved_clock(folder: Path) -> None:
    """Run this script again, with a clock that `next_day` moves on."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "moved_clock.so"
    source = Path(__file__).with_name("moved_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    now = time.time()
    (folder / "clock").write_bytes(struct.pack("q", int(START.timestamp() - now)))
    variables = {
        CLOCK: str(folder / "clock"),
        SINCE: str(now),
        "LD_PRELOAD": str(library),
        "AIRWORTHY_PROJECT": str(folder / "project"),
        "AIRWORTHY_STATE": str(folder / "state"),
        "AIRWORTHY_MODELS": str(folder / "models"),
        "AIRWORTHY_SERVER_URL": "http://127.0.0.1:9",
    }
    command = [sys.executable, *sys.argv]
    os.execve(command[0], command, {**os.environ, **variables})  # noqa: S606 - this script


def moved_seconds() -> int:
    """Return the seconds between the machine's clock and the processes' own."""
    return int(struct.unpack("q", Path(os.environ[CLOCK]).read_bytes())[0])


def next_day() -> None:
    """Move the clock of all processes on by a day."""
    with Path(os.environ[CLOCK]).open("r+b") as clock:
        clock.write(struct.pack("q", moved_seconds() + DAY_SECONDS))


def date_files(folder: Path) -> None:
    """Give new files the processes' time: the kernel has written the machine's own."""
    since = float(os.environ[SINCE]) - 1
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        written = file.stat().st_mtime
        if written >= since:  # Far from all times that were set here.
            os.utime(file, (written + moved_seconds(),) * 2)


def folder_of(path: Path) -> str:
    """Return the folder that a file is counted in: without names of runs, days and versions."""
    parts = [part for part in path.parts[:-1] if not _NAMES.fullmatch(part)]
    depth = _DEPTHS.get(path.parts[0], 3)
    if "_delta_log" in parts:
        depth += 1
    return "/".join(parts[:depth]) or path.name


def measured(state: Path) -> Day:
    """Return the sizes below the state folder."""
    sizes: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for path in state.rglob("*"):
        if path.is_file():
            folder = folder_of(path.relative_to(state))
            sizes[folder] += path.stat().st_size
            files[folder] += 1
    return Day(dict(sizes), dict(files))


class Operation:
    """One model in one environment, with a model server."""

    def __init__(self, folder: Path, hours: int) -> None:
        """Write the project and the model.

        Args:
            folder: Gets all files.
            hours: The collections in a day.
        """
        import yaml
        from tests.core.stages.conftest import FEATURES, LET_THROUGH, small_spec

        self.folder, self.hours, self.day, self.url = folder, hours, START.day, ""
        self.failed: list[str] = []
        environments = folder / "project" / "include" / "environments"
        environments.mkdir(parents=True)
        local = Path(__file__).parents[2] / "include" / "environments" / "local.yaml"
        text = local.read_text(encoding="utf-8").replace("watch: null", "watch: 1d")
        (environments / "local.yaml").write_text(f"{text}{RETENTION}\n", encoding="utf-8")
        model = folder / "models" / MODEL
        model.mkdir(parents=True)
        spec = small_spec(
            MODEL,
            evaluate=LET_THROUGH,
            train={"lookback": "6d", "holdout": "1d", "rounds": 20},
            monitor={"min_rows": 100, "reference": "14d", "retrain": {"min_labels": 100}},
            score={},
        )
        (model / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        (model / "features.py").write_text(FEATURES, encoding="utf-8")

    def pass_day(self) -> None:
        """Do what happens in a day."""
        as_of = f"2026-03-{self.day:02d}" if self.day <= 31 else f"2026-04-{self.day - 31:02d}"
        self.give("run", MODEL, "--as-of", as_of)
        self.give("watch", MODEL, "--once")
        self.give("score", MODEL, "--as-of", as_of)
        for hour in range(self.hours):
            self.predict(hour)
            self.give("collect", MODEL)
        self.give("monitor", MODEL, "--as-of", as_of)
        date_files(self.folder / "state")
        self.give("gc")
        self.day += 1

    def give(self, *command: str) -> None:
        """Give a command in a forked process, which has imported everything."""
        child = os.fork()
        if not child:
            self._run(command)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            self.failed.append(f"day {self.day}: {' '.join(command)}")

    def _run(self, command: tuple[str, ...]) -> None:
        import typer

        from airworthy.cli.main import app
        from airworthy.errors import AirworthyError

        log = os.open(self.folder / "commands.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        status = 1
        try:
            status = int(app(list(command), standalone_mode=False) or 0)
        except (AirworthyError, typer.Exit) as error:
            print(command, error, flush=True)
        finally:
            os._exit(status)

    def predict(self, hour: int) -> None:
        """Ask for predictions, and send their labels."""
        import httpx

        address = f"{self.url}/models/{MODEL}"
        with httpx.Client(trust_env=False, timeout=60) as client:
            row = client.get(f"{address}/example").raise_for_status().json()
            for _ in range(REQUESTS):
                answer = client.post(f"{address}/invocations", json=row).raise_for_status().json()
                labels = [
                    {"id": f"{answer['id']}:{number}", "label": 20.0 + hour}
                    for number in range(len(answer["predictions"]))
                ]
                client.post(f"{address}/labels", json={"labels": labels}).raise_for_status()


def memory_mib(process: int) -> float:
    """Return the resident memory of a process and its children."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    own = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return own + sum(memory_mib(int(child)) for child in children)


def growth(days: list[Day]) -> dict[str, int]:
    """Return the bytes that each folder grew by in a day, over the second half of the days."""
    half = len(days) // 2
    first, last = days[half].bytes, days[-1].bytes
    spans = len(days) - 1 - half
    return {
        name: round((last.get(name, 0) - first.get(name, 0)) / max(1, spans))
        for name in sorted({*first, *last})
    }


def week(folder: Path, days: int, hours: int) -> dict[str, Any]:
    """Pass some days, and return the figures of the last line.

    Args:
        folder: Gets all files.
        days: The number of days.
        hours: The collections in a day.

    Returns:
        ``growth``: folder -> bytes a day, over the second half of the days; ``failed``: commands;
        ``server_mib`` and ``entries``: by day.
    """
    from tests.core.release.server_process import server_process

    from airworthy.environment import load_environment
    from airworthy.serving.admin_token import ensure_token
    from airworthy.traffic.replica_reports import open_replica_reports

    operation, passed = Operation(folder, hours), list[Day]()
    environment = load_environment()
    ensure_token(environment.server_token_file)
    with server_process(open_replica_reports(environment)) as server:
        os.environ["AIRWORTHY_SERVER_URL"] = operation.url = server.url
        for _ in range(days):
            started = time.monotonic()
            operation.pass_day()
            day = measured(folder / "state")
            day.server_mib = memory_mib(server.process.pid)
            day.entries = day.files[f"lake/{MODEL}/ledger"]  # One file for each.
            day.seconds = time.monotonic() - started
            passed.append(day)
            print_day(len(passed), day)
            next_day()
    print_table(passed)
    return {
        "growth": growth(passed),
        "failed": operation.failed,
        "server_mib": [round(day.server_mib, 1) for day in passed],
        "entries": [day.entries for day in passed],
    }


def print_day(number: int, day: Day) -> None:
    """Print the sums of a day."""
    total, files = sum(day.bytes.values()), sum(day.files.values())
    print(
        f"day {number}: {total:,} bytes in {files:,} files, {day.entries} entries, "
        f"server {day.server_mib:.0f} MiB, {day.seconds:.0f} s",
        flush=True,
    )


def print_table(days: list[Day]) -> None:
    """Print the KiB and the files of each folder by day, its growth, and whether it is bounded."""
    grown = growth(days)
    print(f"{'folder':44} {'':8} {'bytes/day':>11} {'files':>6}  KiB by day")
    for name in sorted(grown, key=lambda name: -grown[name]):
        sizes = " ".join(f"{day.bytes.get(name, 0) // 1024:7d}" for day in days)
        word = "bounded" if is_bounded(days, name) else "grows"
        files = days[-1].files.get(name, 0)
        print(f"{name:44} {word:8} {grown[name]:11,d} {files:6d}  {sizes}")


def is_bounded(days: list[Day], name: str) -> bool:
    """Tell whether a folder was no larger in the last third of the days than in the one before."""
    sizes = [day.bytes.get(name, 0) for day in days]
    third = max(1, len(days) // 3)
    return max(sizes[-third:]) <= _NEARLY * max(sizes[-2 * third : -third]) + _SLACK_BYTES


def _import_everything() -> None:
    import great_expectations  # noqa: F401
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    import xgboost  # noqa: F401

    import airworthy.cli.main
    import airworthy.stages.evaluate
    import airworthy.stages.ingest
    import airworthy.stages.rollout
    import airworthy.stages.score  # noqa: F401


if __name__ == "__main__":
    if CLOCK not in os.environ:
        with_moved_clock(Path(sys.argv[1]).resolve())
    # The model server ends with this script.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    _import_everything()
    numbers = [int(each) for each in sys.argv[2:]]
    print(json.dumps(week(Path(sys.argv[1]).resolve(), *[*numbers, *[7, HOURS][len(numbers) :]])))
