"""A start is given up only when nothing moves, however slow the machine is."""

from __future__ import annotations

from pathlib import Path

from airworthy_airflow.stack.startup_watch import StartupWatch


def test_a_start_that_moves_is_never_a_stall(tmp_path: Path) -> None:
    """A changed state or a longer log of a waiting part is progress; a healthy part's log is none."""
    now = [0.0]
    watch, waiting = StartupWatch(tmp_path, lambda: now[0]), {"mlflow": "does not answer"}
    log = tmp_path / "mlflow.log"
    for _ in range(20):
        now[0] += 200.0
        with log.open("a", encoding="utf-8") as file:
            file.write("a line\n")
        assert watch.stalled_seconds(waiting) == 0.0
    assert watch.stalled_seconds({"mlflow": "answers 503"}) == 0.0
    now[0] += 200.0
    (tmp_path / "scheduler.log").write_text("a line\n", encoding="utf-8")
    assert watch.stalled_seconds({"mlflow": "answers 503"}) == 200.0
