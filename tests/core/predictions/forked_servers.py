"""Starts model servers quickly, by forking a process with everything imported.

Reads ports, one a line, forks ``airworthy serve`` for each, and answers with its pid. Imports are
most of a server's start; this process has done them, and nothing else.
"""

from __future__ import annotations

import os
import signal
import sys

os.environ["POLARS_MAX_THREADS"] = "1"

import mlflow.artifacts
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import xgboost

import airworthy.registry.registry
import airworthy.serving.app
from airworthy.serving.uvicorn_server import serve

IMPORTED = (mlflow, xgboost, airworthy.registry.registry, airworthy.serving.app)


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve("127.0.0.1", int(line))
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
