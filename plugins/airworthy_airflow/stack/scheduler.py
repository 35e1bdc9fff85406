"""Starts the scheduler, after ending what a killed one left: ``python -m airworthy_airflow.stack.scheduler AIRFLOW``.

LocalExecutor's workers outlive a scheduler that was killed. Were they left running, the new scheduler would start
their tasks a second time beside them.
"""

from __future__ import annotations

import os
import sys

from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.processes import end, orphans


def main() -> None:
    """End the orphans of this stack, then become the scheduler."""
    ended = end(orphans(load_layout()), patience=2.0)
    if ended:
        print(f"ended processes that an earlier scheduler left: {ended}", flush=True)
    airflow = sys.argv[1]
    os.execv(airflow, [airflow, "scheduler", "--skip-serve-logs"])  # noqa: S606


if __name__ == "__main__":
    main()
