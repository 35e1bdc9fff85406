"""``airworthy metrics``: the metrics of stages, monitor, ledgers and Airflow, for Prometheus."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from airworthy.cli.caller import log_to_stderr
from airworthy.cli.json_output import Json, print_json


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("metrics")(metrics)


def metrics(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port: TCP for Prometheus, UDP for Airflow.")
    ] = 9102,
    machine_only: Annotated[
        bool,
        typer.Option(
            "--machine-only",
            help="Serve this machine's stages alone: on all machines but one.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve the metrics of short processes and of Airflow at /metrics.

    The model server has its own. Airflow sends its metrics to the same port, by
    AIRFLOW__METRICS__STATSD_ON and the like.
    """
    log_to_stderr()
    # A ledger has few rows. Polars reads this variable at its import.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from airworthy.environment import load_environment
    from airworthy.metrics.exporter import serve_metrics

    def tell(url: str) -> None:
        if as_json:
            print_json({"url": url})

    serve_metrics(load_environment(), host, port, machine_only=machine_only, on_address=tell)
