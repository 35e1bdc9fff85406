"""Whatever is killed at whatever moment, the records agree after the command was given again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.repetitions import repetitions

SCRIPT = Path(__file__).with_name("random_kills.py")


def test_no_kill_at_a_random_moment_leaves_records_that_disagree(tmp_path: Path) -> None:
    """Run, release, collect, score and rollback are killed in turn beside a real model server."""
    kills = repetitions(4, thorough=200)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), str(kills)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["found"] == []
    assert sum(figures["kills"].values()) == kills
    assert sum(figures["inside"].values()) > 0
