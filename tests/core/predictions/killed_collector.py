"""A collector that kills itself with SIGKILL at its n-th call or return of the collecting code.

The process reads step numbers, one a line. It answers each with the end of a collector up to there:
``killed``, or ``done`` if it ended before. Each collector is forked from this process: it has
imported everything and done nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from airworthy.environment import load_environment
from airworthy.predictions.collect import collect

_COLLECTING = {
    f"/predictions/{name}.py" for name in ("collect", "spool_batches", "log_tables", "segments")
}


def collect_until(step: int) -> None:
    """Collect, and end by SIGKILL at this step."""
    steps_done = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps_done
        path = frame.f_code.co_filename
        if path[path.rfind("/predictions/") :] in _COLLECTING:
            if steps_done == step:
                os.kill(os.getpid(), signal.SIGKILL)
            steps_done += 1

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
