"""Help of the commands: a panel for what a person wants, examples, and the exit codes."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from airworthy.cli.command_examples import EXAMPLES, PANELS, Example
from airworthy.cli.exit_codes import MEANINGS

_EXIT_CODES = "\n".join(f"{code:>4}  {meaning}" for code, meaning in MEANINGS.items())
_ERRORS = (
    "With --json, each command prints JSON objects, one a line, with times in ISO 8601 and UTC; an "
    "error is one JSON object on the last line of standard error."
)


def teach(app: typer.Typer) -> None:
    """Put each command into its panel, with its examples below its help, in the panels' order."""
    names = [name for panel in PANELS.values() for name in panel]
    panels = {name: title for title, panel in PANELS.items() for name in panel}
    for prefix, command in _commands(app):
        name = f"{prefix}{_name_of(command)}"
        command.epilog = _examples(EXAMPLES.get(name, ()))
        command.rich_help_panel = panels.get(name)
    for group in app.registered_groups:
        group.rich_help_panel = panels.get(str(group.name))
    app.registered_commands.sort(
        key=lambda each: names.index(_name_of(each)) if _name_of(each) in names else len(names)
    )
    app.info.epilog = f"Exit codes:\n{_EXIT_CODES}\n\n{_ERRORS}"


def _commands(app: typer.Typer) -> Sequence[tuple[str, typer.models.CommandInfo]]:
    """Return all commands, each with its group's name before it."""
    below = [
        (f"{group.name} ", command)
        for group in app.registered_groups
        if group.typer_instance is not None
        for command in group.typer_instance.registered_commands
    ]
    return [*(("", command) for command in app.registered_commands), *below]


def _name_of(command: typer.models.CommandInfo) -> str:
    callback = command.callback
    return command.name or str(getattr(callback, "__name__", ""))


def _examples(examples: Sequence[Example]) -> str | None:
    """Return examples as lines: what each does, and below it its words."""
    lines = [f"  {each.purpose}\n    {each.line}" for each in examples]
    return "\n".join(["Examples:", *lines]) if lines else None
