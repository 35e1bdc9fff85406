"""``airworthy doctor``: whether ledger, registry, servers and lake say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.completion import complete_models
from airworthy.cli.json_output import Json, print_lines
from airworthy.environment import load_environment

if TYPE_CHECKING:
    from airworthy.environment import Environment
    from airworthy.reconciliation import Disagreement


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("doctor")(doctor)


def doctor(
    model: Annotated[
        str | None,
        typer.Argument(help="The model's name. Default: all.", autocompletion=complete_models),
    ] = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Read each partition, champion's files and logged answer too."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare ledger, MLflow, model servers and lake: print each disagreement and the next step.

    Exits 1 when one of them stops an evaluation, a release or a rollback.
    """
    from airworthy.cli.doctor_lines import disagreement_lines
    from airworthy.cli.model_names import ledger_names, require_known_model

    environment = load_environment()
    if model is not None:
        require_known_model(environment, model)
    found: list[Disagreement] = []
    for name in [model] if model else ledger_names(environment):
        of_model = _examine(environment, name, deep)
        found += of_model
        objects = [each.as_json() for each in of_model]
        print_lines(as_json, objects, disagreement_lines(name, of_model))
    if any(each.stops for each in found):
        raise typer.Exit(1)


def _examine(environment: Environment, model: str, deep: bool) -> list[Disagreement]:
    from airworthy.reconciliation import gather, reconcile

    facts = gather(environment, model)
    found = reconcile(facts)
    if not deep or any(each.kind == "ledger_changed" for each in found):
        return found
    from airworthy.batch_scoring.scoring_inputs import PART
    from airworthy.reconciliation.deep import deep_disagreements

    promoted = {each.dataset_part for each in facts.registered.values() if each.dataset_part}
    return [*found, *deep_disagreements(environment, facts, ["", PART, *sorted(promoted)])]
