"""``airworthy explain``: one prediction, its row, and each feature's contribution."""

from __future__ import annotations

from typing import Annotated

import typer

from airworthy.cli.completion import complete_models
from airworthy.cli.json_output import Json, print_json
from airworthy.environment import load_environment


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("explain")(explain)


def explain(
    prediction_id: Annotated[
        str,
        typer.Argument(metavar="PREDICTION_ID", help="The id of an answer: REQUEST_ID:ROW."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="The model; without it, all are looked at.", autocompletion=complete_models
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a prediction's row, its features, and each feature's contribution to the answer.

    The version that answered computes the answer again. The exit code is 1 when it is another one.
    """
    from airworthy.cli.model_names import ledger_names, require_known_model, spec_names
    from airworthy.explanations.explain import explain_answer
    from airworthy.explanations.explanation_lines import explanation_lines
    from airworthy.explanations.find_answer import find_answer
    from airworthy.registry.mlflow_errors import mlflow_errors

    environment = load_environment()
    if model is not None:
        require_known_model(environment, model)
        names = [model]
    else:
        names = sorted({*spec_names(environment), *ledger_names(environment)})
    with mlflow_errors(environment):
        explanation = explain_answer(environment, find_answer(environment, names, prediction_id))
    if as_json:
        print_json(explanation.as_json())
    else:
        typer.echo("\n".join(explanation_lines(explanation)))
    if not explanation.is_same:
        raise typer.Exit(1)
