"""A scoring that kills itself with SIGKILL at its n-th step: a call, or a return, in the code that scores and writes.

The first argument is the file with the payload. Reads step numbers, one a line, and answers each with how a process
that scores up to there ended: ``killed``, or ``done`` when it was through before. Each is forked from this process,
which has imported everything and done nothing.
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

_SCORING = ("/batch_scoring/table.py", "/stages/score.py", "/lake/delta.py")


def score_until(step: int, payload: dict[str, Any]) -> None:
    """Score, and end by SIGKILL at this step."""
    seen = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal seen
        if frame.f_code.co_filename.endswith(_SCORING):
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

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
