"""``--json``: one style on every command, for results, errors and a wrong usage."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from airworthy.cli.command_examples import EXAMPLES
from airworthy.cli.exit_codes import MEANINGS
from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove

SPECS = Path(__file__).parents[1] / "spec"
Objects = list[dict[str, Any]]


def leaves(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each command of the application, a group's with the group's name before it."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from leaves(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def run(*words: str, given: str | None = None) -> tuple[int, Objects, Objects]:
    """Run the console command with --json; return exit code, objects, and the error, if any."""
    line = [sys.executable, "-m", "airworthy", *words, "--json"]
    done = subprocess.run(line, input=given, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    errors = [json.loads(each) for each in done.stderr.splitlines() if each.startswith("{")]
    return done.returncode, [json.loads(each) for each in done.stdout.splitlines()], errors


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_json_and_teaches_by_examples_that_it_takes(name: str) -> None:
    """A new command without --json, a panel or an example fails; a stale example fails."""
    command = COMMANDS[name]
    assert [each for each in command.params if "--json" in each.opts and each.is_flag]
    assert command.rich_help_panel if " " not in name else True
    assert EXAMPLES[name]
    for example in EXAMPLES[name]:
        program, *words = shlex.split(example.line, comments=True)
        assert (program, " ".join(words).startswith(name)) == ("airworthy", True)
        command.make_context(name, words[len(name.split()) :])
        assert example.line in command.epilog


def test_every_error_is_one_object_on_the_last_line(environment: Environment) -> None:
    """A fault, a wrong option and a service that is away: the same keys, and the exit code."""
    code, told, [fault] = run("ledger", "nobody")
    assert (code, told, fault["exit_code"]) == (1, [], 1)
    assert (fault["received"], fault["message"]) == ("nobody", "there is no model of this name")
    assert "delivery_eta" in fault["allowed"]
    assert fault["next_step"] == "airworthy models"
    code, told, [usage] = run("ledger", "--moon")
    assert (code, told, usage["exit_code"]) == (2, [], 2)
    assert "--moon" in usage["message"]
    assert usage["next_step"].endswith("airworthy ledger --help")
    assert run("moon")[0] == 2
    open_ledger(environment, "fares").append(AliasMove(to="1"), run_id="r", who="tests")
    code, told, [away] = run("rollback", "fares", "--break-glass", "--reason", "tests")
    assert (code, told, away["exit_code"]) == (75, [], 75)
    assert {"message", "received", "next_step", "exit_code"} <= set(away)


def test_help_and_the_page_have_each_exit_code_of_the_table() -> None:
    """The codes that the code raises are those of one table, which the help and a page show."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "commands.md").read_text()
    shown = str(app.info.epilog)
    for code, meaning in MEANINGS.items():
        assert f"{code}  {meaning}" in shown
        assert f"| `{code}` | {meaning} |" in page


def test_check_and_schema_and_new_model(environment: Environment, tmp_path: Path) -> None:
    """A spec is one object with its faults and warnings; a broken one ends with exit code 1."""
    code, told, errors = run(
        "check", str(SPECS / "valid.yaml"), str(SPECS / "broken" / "bad_cron.yaml")
    )
    assert (code, errors) == (1, [])
    good, bad = told
    assert (good["model"], good["ok"], good["faults"]) == ("parcels", True, [])
    assert (bad["ok"], len(bad["faults"])) == (False, 1)
    assert run("check", str(tmp_path))[0] == 1
    code, [schema], _ = run("schema")
    assert (code, schema["type"]) == (0, "object")
    assert run("schema", "--verdict")[1][0]["type"] == "object"


def test_new_model_and_clients_and_logout(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made, what it is called, and what to do next."""
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))
    _, [made], _ = run("new-model", "trips")
    assert (made["model"], made["folder"]) == ("trips", str(tmp_path / "models" / "trips"))
    assert "model.yaml" in made["files"]
    assert made["next_step"][0] == "airworthy check"
    _, parts, _ = run("test", "trips", "--no-deliver")
    assert {part["model"] for part in parts} == {"trips"}
    assert {part["outcome"] for part in parts} <= {"pass", "fail", "not run"}
    _, [added], _ = run("clients", "add", "shop")
    assert (added["client"], len(added["token"]) > 20) == ("shop", True)
    _, [known], _ = run("clients", "list")
    assert (known["client"], known["since"][-1]) == ("shop", "Z")
    assert run("clients", "remove", "shop")[1] == [{"client": "shop", "removed": True}]
    assert run("clients", "list")[:2] == (0, [])
    assert run("logout")[1] == [{"urls": []}]


def test_records_without_a_person_to_read_them(environment: Environment) -> None:
    """A ledger's entries are as they are stored; nothing at all is no object."""
    open_ledger(environment, "fares").append(AliasMove(to="1"), run_id="r", who="tests")
    _, [entry], _ = run("ledger", "fares")
    assert (entry["kind"], entry["who"]) == ("alias_move", "tests")
    assert entry["time"].endswith(("Z", "+00:00"))
    _, [whole], _ = run("ledger", "verify", "fares")
    assert (whole["whole"], whole["entries"]) == (True, 1)
    _, [sent], _ = run("ledger", "anchor", "fares")
    assert (sent["model"], sent["sequence"], sent["problem"]) == ("fares", 1, None)
    assert run("servers")[:2] == (0, [])
    assert run("collect", "--all")[:2] == (0, [])
