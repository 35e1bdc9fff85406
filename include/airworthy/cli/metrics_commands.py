"""``airworthy metrics``: what stages, monitor, ledgers and Airflow count, for Prometheus."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from airworthy.cli.caller import log_to_stderr


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("metrics")(metrics)


def metrics(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port: TCP for Prometheus, UDP for Airflow.")
    ] = 9102,
) -> None:
    """Serve the metrics of what runs and ends, and of Airflow, at /metrics; the model server has its own.

    Airflow sends its metrics to the same port: AIRFLOW__METRICS__STATSD_ON and the like say so.
    """
    log_to_stderr()
    # A ledger is a few rows. Polars reads this when it is imported.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from airworthy.environment import load_environment
    from airworthy.metrics.exporter import serve_metrics

    serve_metrics(load_environment(), host, port)
