"""``airworthy lineage`` and ``dataset``: what was made from what, and what is known of a dataset version."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airworthy.environment import load_environment

if TYPE_CHECKING:
    from airworthy.lineage.answer_tree import Branch

_JSON = typer.Option("--json", help="JSON, one object.")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("lineage")(lineage)
    app.command("dataset")(dataset)


def lineage(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="MODEL/VERSION, MODEL@champion, a dataset version's id or digest, MODEL/DAY (a partition), a "
            "prediction's id, DAG_ID/RUN_ID or RUN_ID, an MLflow run's id.",
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="The model, where REF does not name it.")
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Print what REF was made from, back to the source, and what came of it, down to predictions.

    Which models used this partition? What made this prediction? Give the partition, or the prediction's id.
    """
    from airworthy.lineage.answer_tree import plain_lines, tree_of
    from airworthy.lineage.trace import trace

    answer = trace(load_environment(), reference, model)
    if as_json:
        typer.echo(json.dumps(answer.as_json()))
    elif sys.stdout.isatty():
        _print_tree(tree_of(answer))
    else:
        typer.echo("\n".join(plain_lines(tree_of(answer))))


def _print_tree(branch: Branch) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    def grown(tree: Tree, branches: list[Branch]) -> Tree:
        for below in branches:
            grown(tree.add(Text(below.text)), below.branches)
        return tree

    Console().print(grown(Tree(Text(branch.text, style="bold")), branch.branches))


def dataset(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID|DIGEST]", help="A dataset version; without it, all are listed."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON: one object a line.")] = False,
) -> None:
    """Print the dataset versions of MODEL, or all that is recorded of one: statistics, split, benchmark."""
    from airworthy.lineage.dataset_versions import describe, listing, report
    from airworthy.lineage.reference import unknown

    environment = load_environment()
    found: list[dict[str, Any]] = describe(environment, model, reference)
    if not found:
        raise unknown(
            reference or model,
            f"no dataset version of {model} is recorded{' under this' if reference else ''}",
            allowed=f"an id or the first 6 or more digits of a digest that airworthy dataset {model} lists",
            next_step=f"airworthy stage ingest --model {model} makes one",
        )
    if as_json:
        typer.echo("\n".join(json.dumps(each) for each in found))
    else:
        typer.echo(
            "\n".join(
                listing(found)
                if reference is None
                else [line for each in found for line in report(each)]
            )
        )
