"""Starts a part after ending its orphans: ``python -m airworthy_airflow.stack.part COMMAND...``.

The child processes of a killed part outlive it. LocalExecutor's workers would go on with tasks, and
the new scheduler would start these a second time. MLflow's workers would keep the new server's
port.
"""

from __future__ import annotations

import os
import sys

from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.processes import end, orphans


def main() -> None:
    """End the orphans of this stack, then become the part."""
    ended = end(orphans(load_layout()), patience=2.0)
    if ended:
        print(f"ended processes that a killed part left: {ended}", flush=True)
    command = sys.argv[1:]
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
