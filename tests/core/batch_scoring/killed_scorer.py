"""A scoring process that kills itself with SIGKILL at its n-th call or return of the scoring code.

The first argument is the file with the payload. The process reads step numbers, one a line. It
answers each with the end of a scoring up to there: ``killed``, or ``done`` if it ended before.
Each scoring is forked from this process: it has imported everything and done nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

import airworthy.stages.score  # noqa: F401
from airworthy.stages import run_stage

_SCORING = ("/batch_scoring/score_table.py", "/stages/score.py", "/lake/delta.py")


def score_until(step: int, payload: dict[str, Any]) -> None:
    """Score, and end by SIGKILL at this step."""
    steps_done = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps_done
        if frame.f_code.co_filename.endswith(_SCORING):
            if steps_done == step:
                os.kill(os.getpid(), signal.SIGKILL)
            steps_done += 1

    sys.setprofile(count)
    run_stage("score", payload)


def main() -> None:
    """Serve until the input ends."""
    payload = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            score_until(int(line), payload)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(
            {0: "done", signal.SIGKILL: "killed"}.get(status, f"failed with {status}"), flush=True
        )


if __name__ == "__main__":
    main()
