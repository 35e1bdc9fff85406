"""The panels of ``airworthy --help``, and the examples of each command. Data alone.

A test parses each example with the application, and asks for one of each command.
"""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """A command line, and its purpose in a few words."""

    line: str
    purpose: str


PANELS = {
    "Build a model": ("new-model", "check", "test", "ci", "schema"),
    "Run it": ("run", "stage", "score", "predict"),
    "Release it": (
        "release",
        "promote",
        "rollback",
        "adopt",
        "drill",
        "retire",
        "login",
        "logout",
    ),
    "Watch it": (
        "status",
        "next",
        "models",
        "watch",
        "monitor",
        "monitor-quality",
        "tune-monitor",
        "staleness",
        "backtest",
    ),
    "Explain it": ("explain", "ledger", "show", "diff", "lineage", "dataset"),
    "Serve it": ("serve", "servers", "clients", "collect"),
    "Operate it": ("doctor", "gc", "metrics", "render", "apply", "roles"),
}

EXAMPLES = {
    "new-model": (
        Example("airworthy new-model trips --from trips.csv --label minutes", "From your rows:"),
        Example("airworthy new-model trips --task binary", "From a template, with made-up rows:"),
    ),
    "check": (
        Example("airworthy check", "Every model of the project:"),
        Example("airworthy check include/models/delivery_eta --strict", "One; warnings count:"),
    ),
    "test": (
        Example("airworthy test delivery_eta", "All parts, with a delivery on a sample:"),
        Example("airworthy test delivery_eta --no-deliver", "Without the delivery:"),
    ),
    "schema": (
        Example("airworthy schema --write", "The file that an editor checks model.yaml with:"),
        Example("airworthy schema --verdict", "What verdict.json has:"),
    ),
    "run": (
        Example("airworthy run delivery_eta", "Train, evaluate, release:"),
        Example(
            "airworthy run delivery_eta --as-of 2026-03-20 --no-release -p max_depth=8",
            "On past data, with another parameter, without a release:",
        ),
    ),
    "stage": (
        Example(
            "airworthy stage ingest --model delivery_eta --as-of 2026-03-20 --output dataset.json",
            "One stage, its output in a file:",
        ),
        Example(
            "airworthy stage train --model delivery_eta --input outputs.json",
            "The next one, with the outputs before it:",
        ),
    ),
    "score": (
        Example("airworthy score bike_demand", "The newest rows:"),
        Example("airworthy score bike_demand --as-of 2012-12-20", "The rows before a day:"),
    ),
    "predict": (
        Example("airworthy predict delivery_eta --from rows.csv", "As CSV on standard output:"),
        Example(
            "airworthy predict delivery_eta --from rows.xlsx --to predictions.parquet",
            "Into a file:",
        ),
    ),
    "monitor": (
        Example("airworthy monitor delivery_eta", "The newest window, now:"),
        Example(
            "airworthy monitor delivery_eta --as-of 2026-03-20 --no-ingest",
            "A past day, with the rows that the lake has:",
        ),
    ),
    "release": (
        Example("airworthy release delivery_eta 7", "All steps, as far as they need nobody:"),
        Example(
            'airworthy release delivery_eta 7 --approve "better on short trips"',
            "Approved in your name:",
        ),
    ),
    "promote": (
        Example(
            "airworthy promote delivery_eta/7 --from staging --to production "
            "--from-variables staging.env --to-variables production.env",
            "From staging to production, as far as it needs nobody:",
        ),
        Example(
            "airworthy promote delivery_eta@champion --to production "
            "--to-variables production.env --no-release",
            "Judged and registered there alone:",
        ),
    ),
    "rollback": (
        Example(
            'airworthy rollback delivery_eta --reason "too long in the rain"',
            "To the last good version:",
        ),
        Example(
            'airworthy rollback delivery_eta --break-glass --reason "the ledger is away"',
            "With the model server alone:",
        ),
    ),
    "adopt": (
        Example(
            'airworthy adopt delivery_eta 7 --reason "moved in MLflow by mistake"',
            "Release what an alias named:",
        ),
    ),
    "drill": (Example("airworthy drill delivery_eta", "Back and forth in staging:"),),
    "retire": (
        Example('airworthy retire delivery_eta --reason "trams only"', "End its service:"),
        Example('airworthy retire delivery_eta --undo --reason "buses again"', "Take it back:"),
    ),
    "login": (
        Example("airworthy login --user ada", "The password is asked for:"),
        Example("airworthy login --url https://airflow.example.org --token", "With a token:"),
    ),
    "logout": (Example("airworthy logout", "Forget every token:"),),
    "status": (
        Example("airworthy status", "Every model:"),
        Example("airworthy status delivery_eta --json", "One, for a script:"),
    ),
    "next": (Example("airworthy next", "What waits for a person:"),),
    "models": (Example("airworthy models", "A line for each model:"),),
    "watch": (
        Example("airworthy watch delivery_eta", "Until the watch of a new champion is over:"),
        Example("airworthy watch delivery_eta --once --json", "One look, for a script:"),
    ),
    "servers": (Example("airworthy servers", "Each server, and what it serves:"),),
    "explain": (
        Example("airworthy explain 0198c0de:0", "An answer, by its request and row:"),
        Example("airworthy explain 0198c0de:0 --model delivery_eta --json", "For a script:"),
    ),
    "ledger": (
        Example("airworthy ledger delivery_eta", "All decisions:"),
        Example("airworthy ledger delivery_eta --at 2026-03-17", "What served at that time:"),
        Example("airworthy ledger verify delivery_eta", "Is it whole?"),
    ),
    "show": (
        Example("airworthy show delivery_eta/7", "A version, and what made it:"),
        Example("airworthy show delivery_eta@champion --spec", "The champion's model.yaml:"),
    ),
    "diff": (Example("airworthy diff delivery_eta/6 delivery_eta/7", "What changed:"),),
    "lineage": (
        Example("airworthy lineage delivery_eta@champion", "What the champion was made from:"),
        Example("airworthy lineage delivery_eta/2026-03-20", "Who used a day's rows:"),
    ),
    "dataset": (Example("airworthy dataset delivery_eta", "Every dataset version:"),),
    "backtest": (
        Example(
            "airworthy backtest delivery_eta --from 2025-01-01 --to 2025-12-31 --step 1mo",
            "A past year, three ways:",
        ),
    ),
    "tune-monitor": (
        Example("airworthy tune-monitor delivery_eta", "Propose settings:"),
        Example("airworthy tune-monitor delivery_eta --write", "And write them into the spec:"),
    ),
    "monitor-quality": (
        Example(
            "airworthy monitor-quality delivery_eta --champions 6 --windows 12", "a short one:"
        ),
    ),
    "staleness": (
        Example("airworthy staleness delivery_eta --ages 0d,7d,30d", "The loss at three ages:"),
    ),
    "serve": (
        Example("airworthy serve", "On port 8000 of this machine:"),
        Example("airworthy serve --host 0.0.0.0 --port 8080 --workers 4", "For other machines:"),
    ),
    "ci report": (
        Example("airworthy ci report", "What the change of this branch does to the models:"),
        Example(
            "airworthy ci report --base origin/main --days 60 --output report.md",
            "In a pipeline, on fewer days, with the plots beside the report:",
        ),
    ),
    "ci release": (
        Example(
            "airworthy ci release --url https://airflow.example.org --base HEAD^",
            "Train in Airflow what the last merge touched; the login is in variables:",
        ),
    ),
    "clients list": (Example("airworthy clients list", "Who has a token:"),),
    "clients add": (
        Example("airworthy clients add shop", "A token for a client, shown once:"),
        Example("airworthy clients add lab --scope label", "One for labels alone:"),
    ),
    "clients rotate": (
        Example("airworthy clients rotate shop --keep 1h", "A new one; the others end in an hour:"),
    ),
    "clients remove": (Example("airworthy clients remove shop", "Its tokens count no more:"),),
    "collect": (
        Example("airworthy collect --all", "What the servers have logged:"),
        Example("airworthy collect --all --every 60", "Each minute, until stopped:"),
    ),
    "render": (
        Example("airworthy render --env production", "All manifests, printed:"),
        Example("airworthy render --env staging --output manifests", "A file for each part:"),
    ),
    "apply": (
        Example("airworthy apply --env dev --part model_server", "The model servers:"),
        Example(
            "airworthy apply --env production --image "
            "airworthy-server=registry.example.org/airworthy-server:0.3.0",
            "With the image of your registry:",
        ),
    ),
    "roles": (Example("airworthy roles", "Who may do what in Airflow:"),),
    "doctor": (
        Example("airworthy doctor", "Every model:"),
        Example("airworthy doctor delivery_eta --deep", "One, file by file:"),
    ),
    "gc": (Example("airworthy gc --dry-run", "What would be removed:"),),
    "metrics": (Example("airworthy metrics --port 9102", "For Prometheus:"),),
}
