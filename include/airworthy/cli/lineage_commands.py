"""``airworthy lineage`` and ``dataset``: inputs and results of a reference, dataset versions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.completion import Model, complete_models, complete_references
from airworthy.cli.json_output import Json, print_json, print_lines
from airworthy.cli.model_names import require_known_model
from airworthy.environment import load_environment

if TYPE_CHECKING:
    from airworthy.lineage.answer_tree import Branch


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("lineage")(lineage)
    app.command("dataset")(dataset)


def lineage(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            autocompletion=complete_references,
            help="MODEL/VERSION, MODEL@champion, a dataset version's id or digest, MODEL/DAY (a "
            "partition), a prediction's id, DAG_ID/RUN_ID or RUN_ID, an MLflow run's id.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(help="The model, where REF does not name it.", autocompletion=complete_models),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print everything REF was made from, back to the source, and its results, down to predictions.

    A partition as REF shows the models that used it; a prediction's id shows how it was made.
    """
    from airworthy.lineage.answer_tree import build_tree, tree_lines
    from airworthy.lineage.trace import trace

    answer = trace(load_environment(), reference, model)
    if as_json:
        print_json(answer.as_json())
    elif sys.stdout.isatty():
        _print_tree(build_tree(answer))
    else:
        typer.echo("\n".join(tree_lines(build_tree(answer))))


def _print_tree(branch: Branch) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    def add_branches(tree: Tree, branches: list[Branch]) -> Tree:
        for below in branches:
            add_branches(tree.add(Text(below.text)), below.branches)
        return tree

    Console().print(add_branches(Tree(Text(branch.text, style="bold")), branch.branches))


def dataset(
    model: Model,
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID|DIGEST]", help="A dataset version; without it, all are listed."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the dataset versions of MODEL, or the record of one: statistics, split, benchmark."""
    from airworthy.lineage.dataset_versions import (
        dataset_report,
        dataset_table,
        describe_datasets,
    )
    from airworthy.lineage.reference import unknown_reference

    environment = load_environment()
    require_known_model(environment, model)
    datasets = describe_datasets(environment, model, reference)
    if not datasets:
        raise unknown_reference(
            reference or model,
            f"no dataset version of {model} is recorded{' under this' if reference else ''}",
            allowed="an id or the first 6 or more digits of a digest that "
            f"airworthy dataset {model} lists",
            next_step=f"airworthy stage ingest --model {model} makes one",
        )
    if as_json:
        lines = []
    elif reference is None:
        lines = dataset_table(datasets)
    else:
        lines = [line for each in datasets for line in dataset_report(each)]
    print_lines(as_json, datasets, lines)
