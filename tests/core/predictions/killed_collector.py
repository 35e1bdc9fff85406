"""A collector that kills itself with SIGKILL at its n-th step: a call, or a return, in the code that collects.

Reads step numbers, one a line, and answers each with how a process that collects up to there ended: ``killed``, or
``done`` when it was through before. Each is forked from this process, which has imported everything and done nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from airworthy.environment import load_environment
from airworthy.predictions.collect import collect

_COLLECTING = {f"/predictions/{name}.py" for name in ("collect", "batches", "tables", "segments")}


def collect_until(step: int) -> None:
    """Collect, and end by SIGKILL at this step."""
    seen = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal seen
        path = frame.f_code.co_filename
        if path[path.rfind("/predictions/") :] in _COLLECTING:
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    sys.setprofile(count)
    collect(load_environment(), "eta")


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            collect_until(int(line))
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(
            {0: "done", signal.SIGKILL: "killed"}.get(status, f"failed with {status}"), flush=True
        )


if __name__ == "__main__":
    main()
