"""From somebody's file to a served prediction, by commands in processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from ..eventually import eventually  # noqa: TID252 - tests are no installed package

MAX_COMMANDS, MAX_EDITS = 6, 2


class Newcomer:
    """A person in an empty project: each command is counted, and each edit of a file."""

    def __init__(self, project: Path) -> None:
        """Start in an empty folder."""
        self.project = project
        self.commands = 0
        self._proposed: dict[Path, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the commands: this folder is the project, with its own state."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith("AIRWORTHY_")}
        return ours | {"AIRWORTHY_PROJECT": str(self.project)}

    @property
    def edits(self) -> int:
        """The number of files that are not as `new-model` wrote them."""
        return sum(
            path.read_text(encoding="utf-8") != text for path, text in self._proposed.items()
        )

    def airworthy(self, *words: str) -> str:
        """Run a command to its end; return what it prints."""
        self.commands += 1
        done = subprocess.run(
            [sys.executable, "-m", "airworthy", *words],
            cwd=self.project, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        if words[0] == "new-model":
            folder = self.project / "include" / "models" / words[1]
            self._proposed = {each: each.read_text("utf-8") for each in folder.iterdir()}
        return done.stdout

    def curl(self, client: httpx.Client, path: str, body: Any = None) -> Any:
        """Ask the server; return its answer."""
        self.commands += 1
        answer = client.post(path, json=body) if body is not None else client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextmanager
    def served(self) -> Iterator[httpx.Client]:
        """Serve the project's models until the end of the block."""
        self.commands += 1
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "airworthy", "serve", "--port", str(port)]
        with (self.project / "server.log").open("wb") as log:
            server = subprocess.Popen(
                command, cwd=self.project, env=self.environment, stdout=log, stderr=log
            )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0) as client:
                eventually("the server is ready", lambda: _is_ready(client, server))
                yield client
        finally:
            server.terminate()
            server.wait(60)


def _is_ready(client: httpx.Client, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "the server has ended"
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def write_trips(path: Path) -> None:
    """Write trips of two weeks: semicolons, American dates, names with brackets, a total."""
    random, rows = np.random.default_rng(3), 1500
    km = random.gamma(2, 2, rows)
    fare = 3 + 2 * km + random.normal(0, 1, rows)
    zones = random.choice(["centre", "airport", "north"], rows)
    pl.DataFrame(
        {
            "trip id": range(100, 100 + rows),
            "picked up": [
                f"{datetime(2024, 3, 1) + timedelta(minutes=14 * n):%m/%d/%Y %I:%M %p}"
                for n in range(rows)
            ],
            "distance [km]": [None if n % 50 == 0 else round(each, 2) for n, each in enumerate(km)],
            "zone": zones,
            "company": ["one"] * rows,
            "fare": fare.round(2),
            "total": (fare + random.choice([0, 2], rows)).round(2),
        }
    ).write_csv(path, separator=";")


def write_half_hours(path: Path) -> None:
    """Write half-hours of three weeks whose price goes up or down, by demand and wind. No key."""
    random, rows = np.random.default_rng(4), 1000
    demand = random.normal(50, 10, rows)
    wind = random.uniform(0, 1, rows)
    pressure = demand / 10 - 5 * wind + random.normal(0, 1, rows)
    pl.DataFrame(
        {
            "half_hour": [datetime(2023, 5, 1) + timedelta(minutes=30 * n) for n in range(rows)],
            "demand": demand,
            "wind": wind,
            "move": ["UP" if each > 2.5 else "DOWN" for each in pressure],
        }
    ).write_parquet(path)


def is_fare(prediction: Any) -> bool:
    """Return whether a prediction is an amount of these trips."""
    return isinstance(prediction, float) and 0 < prediction < 100


def is_share(prediction: Any) -> bool:
    """Return whether a prediction is a probability."""
    return isinstance(prediction, float) and 0 < prediction < 1


@pytest.mark.parametrize(
    ("file", "write", "label", "is_of_label"),
    [
        ("trips.csv", write_trips, "fare", is_fare),
        ("half_hours.parquet", write_half_hours, "move", is_share),
    ],
)
def test_from_a_file_to_a_served_prediction(
    tmp_path: Path, file: str, write: Any, label: str, is_of_label: Any
) -> None:
    """Six commands and no edit: propose, check, run, serve, an example, its prediction."""
    write(tmp_path / file)
    newcomer = Newcomer(tmp_path)

    told = newcomer.airworthy("new-model", "mine", "--from", file, "--label", label)
    checked = newcomer.airworthy("check")
    ran = newcomer.airworthy("run", "mine")
    with newcomer.served() as client:
        example = newcomer.curl(client, "/models/mine/example")
        answer = newcomer.curl(client, "/models/mine/invocations", example)

    assert (newcomer.commands, newcomer.edits) <= (MAX_COMMANDS, MAX_EDITS)
    assert newcomer.edits == 0
    assert f"label       {label}" in told
    assert "mine: ok" in checked
    assert "champion: yes" in ran
    assert "the spec's data end on the day before" in ran
    assert is_of_label(answer["predictions"][0])
    predicted = pl.read_csv(newcomer.airworthy("predict", "mine", "--from", file).encode())
    assert predicted.height >= 1000
    assert "problem" not in predicted.columns
    assert all(map(is_of_label, predicted["prediction"]))
