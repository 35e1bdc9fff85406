"""``airworthy predict``: the champion's predictions of a file's rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.completion import Model
from airworthy.cli.exit_codes import REFUSED
from airworthy.cli.json_output import Json, print_json
from airworthy.environment import load_environment
from airworthy.errors import TerminalError

if TYPE_CHECKING:
    import polars as pl


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("predict")(predict)


def predict(
    model: Model,
    source: Annotated[
        Path, typer.Option("--from", help="A CSV, Parquet, JSON-lines or Excel file.")
    ],
    to: Annotated[
        Path | None,
        typer.Option("--to", help="A .csv or .parquet file. Default: CSV on standard output."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict the rows of a file with MODEL's champion. Nothing is logged.

    The file has the columns of the model's source, or the inputs by their names in the spec. Rows
    that the server would refuse have a problem in place of a prediction; the exit code is 3 then.
    """
    from airworthy.batch_scoring.predict_file import predict_file
    from airworthy.cli.model_names import require_known_model
    from airworthy.registry.mlflow_errors import mlflow_errors
    from airworthy.spec.loading import SPEC_FILE, load_spec

    _require_ending(to)
    environment = load_environment()
    require_known_model(environment, model)
    spec = load_spec(environment.models / model / SPEC_FILE)
    with mlflow_errors(environment):
        result = predict_file(environment, spec, source)
    if to is None and as_json:
        for row in result.rows.iter_rows(named=True):
            print_json(row)
    else:
        _write(result.rows, to)
    told = f"{model} version {result.version}: {result.rows.height:,} rows"
    if to is not None and as_json:
        print_json(
            {
                "model": model,
                "version": result.version,
                "rows": result.rows.height,
                "refused": result.refused,
                "file": to,
            }
        )
    typer.echo(f"{told}, {result.refused:,} of them without a prediction", err=True)
    if result.refused:
        raise typer.Exit(REFUSED)


def _require_ending(to: Path | None) -> None:
    if to is not None and to.suffix.lower() not in (".csv", ".parquet"):
        raise TerminalError(
            "this is no file for predictions",
            received=to,
            allowed="a path that ends in .csv or .parquet",
            next_step="say --to predictions.csv",
        )


def _write(rows: pl.DataFrame, to: Path | None) -> None:
    if to is None:
        sys.stdout.write(rows.write_csv())
    elif to.suffix.lower() == ".csv":
        rows.write_csv(to)
    else:
        rows.write_parquet(to)
