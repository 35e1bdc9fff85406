"""A model server with several workers, for the tests: the models of a folder, and their record.

    python -m tests.core.serving.worker_server ROOT PORT WORKERS

Flags are in ``ROOT/flags.json``, the spool in ``ROOT/spool``, metrics below ``ROOT/metrics``.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from airworthy.server_limits import ServerLimits
from airworthy.serving.shared_metrics import SharedMetrics
from airworthy.serving.uvicorn_server import serve_alone
from airworthy.serving.workers import serve_with_workers


def make_lone_app(root: Path, takes_over: bool) -> FastAPI:
    """Return the app of a server of one process."""
    return make_app(root, takes_over=takes_over)


def make_app(
    root: Path, shared_metrics: SharedMetrics | None = None, *, takes_over: bool = False
) -> FastAPI:
    """Return one worker's app."""
    from airworthy.predictions.spool import PredictionLog
    from airworthy.serving.app import create_app

    from .conftest import FolderRegistry

    registry = FolderRegistry(root)
    return create_app(
        lambda: registry,
        registry.record.following(flags=str(root / "flags.json")),
        lambda: "token",
        prediction_log=PredictionLog(root / "spool"),
        shared_metrics=shared_metrics,
        takes_over=takes_over,
    )


def main() -> None:
    """Serve until a signal."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    root, port, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if workers == 1:
        serve_alone(partial(make_lone_app, root), "127.0.0.1", port, ServerLimits())
        return
    serve_with_workers(
        partial(make_app, root), workers, host="127.0.0.1", port=port, metrics=root / "metrics"
    )


if __name__ == "__main__":
    main()
