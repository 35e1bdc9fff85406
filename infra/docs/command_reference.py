"""The reference page of the command line: panels, usages, options, examples and exit codes."""

from __future__ import annotations

from typing import Any

import typer
import typer.main
from markdown import code, page, table
from typer.core import TyperGroup

from airworthy.cli.command_examples import EXAMPLES, PANELS
from airworthy.cli.exit_codes import MEANINGS
from airworthy.cli.main import app

_COMPLETION = (
    "`airworthy --install-completion` installs the completion of the current shell (bash, zsh, "
    "fish, PowerShell), and `--show-completion` prints it. The Tab key then completes commands and "
    "options, the names of the models, and after a model's name its versions and `@champion`."
)
_JSON = (
    "Each command has `--json`: it prints JSON objects, one a line, with the keys of the ledger and "
    "of the model server's answers. Times are in ISO 8601 and UTC. A number that JSON lacks is null. "
    "Log messages stay on standard error. An error is one JSON object, on the last line of standard "
    "error, with the keys `message`, `received`, `allowed`, `next_step` and `exit_code`."
)


def command_page() -> str:
    """Return the page of the command line."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    rows = [(code(number), meaning) for number, meaning in MEANINGS.items()]
    return page(
        "Commands",
        "`airworthy COMMAND --help` prints the same.",
        "## Exit codes",
        table(("code", "meaning"), rows),
        "## JSON",
        _JSON,
        "## Completion in a shell",
        _COMPLETION,
        "## Commands by what a person wants",
        table(("to", "commands"), _panels(group)),
        *(part for name in sorted(group.commands) for part in _parts(name, group.commands[name])),
    )


def _panels(group: TyperGroup) -> list[tuple[str, str]]:
    return [
        (
            title.lower(),
            ", ".join(f"[{name}](#airworthy-{name})" for name in names if name in group.commands),
        )
        for title, names in PANELS.items()
    ]


def _parts(name: str, command: Any) -> list[str]:
    below = command.commands if isinstance(command, TyperGroup) else {}
    own = _command(name, command)
    return [*own, *(part for word in below for part in _command(f"{name} {word}", below[word]))]


def _command(name: str, command: Any) -> list[str]:
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    records = [each.get_help_record(context) for each in command.params]
    rows = [(code(words), text) for words, text in (record for record in records if record)]
    paragraphs = (command.help or "").split("\n\n")
    return [
        f"## airworthy {name}",
        *(" ".join(paragraph.split()) for paragraph in paragraphs),
        f"```text\nairworthy {name} {usage}\n```",
        table(("argument or option", "meaning"), rows),
        *_examples(name),
    ]


def _examples(name: str) -> list[str]:
    lines = [line for each in EXAMPLES.get(name, ()) for line in (f"# {each.purpose}", each.line)]
    text = "\n".join(lines)
    return [f"```bash\n{text}\n```"] if lines else []
