"""The file of the roles: the shipped one, a project's own, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.errors import TerminalError
from airworthy.roles import RIGHTS, load_roles, roles_file


def write(project: Path, text: str) -> Path:
    """Write a project's own file; return it."""
    file = project / "include" / "roles.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shipped_roles_keep_training_approving_and_going_back_apart(tmp_path: Path) -> None:
    """An approver starts nothing, an engineer or operator approves nothing, and all see."""
    roles = load_roles(tmp_path)
    rights = {name: roles.rights_of([name]) for name in roles.roles}
    assert list(rights) == ["viewer", "ml_engineer", "approver", "operator", "admin"]
    assert {name for name, found in rights.items() if "approve" in found} == {"approver", "admin"}
    assert {name for name, found in rights.items() if "roll_back" in found} == {"operator", "admin"}
    assert not {"trigger", "backfill", "roll_back", "flags", "pause"} & rights["approver"]
    assert rights["admin"] == set(RIGHTS)
    assert all("see" in found for found in rights.values())
    assert roles.rights_of(["nobody", "Viewer", ""]) == set()
    assert roles.rights_of(["viewer", "approver"]) == rights["approver"]


def test_a_projects_own_file_holds_in_place_of_the_shipped_one(tmp_path: Path) -> None:
    """Nothing of the shipped file is added to it."""
    own = write(tmp_path, "roles: {night: {may: [see, pause]}, admin: {may: [administer]}}")
    assert roles_file(tmp_path) == own
    assert set(load_roles(tmp_path).roles) == {"night", "admin"}
    assert load_roles(tmp_path).rights_of(["viewer"]) == set()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "mapping"),
        ("roles: []", "mapping"),
        ("roles: {}", "nobody could administer"),
        ("roles: {admin: {may: [see]}}", "nobody could administer"),
        ("roles: {admin: {may: [administer]}, a: {may: [sea]}}", "did you mean 'see'"),
        ("roles: {admin: {may: [administer]}, a: {may: [approve]}}", "it cannot see"),
        ("roles: {admin: {may: [administer]}, a: {may: []}}", "it cannot see"),
        ("roles: {admin: {may: [administer]}, a: {can: [see]}}", "roles.a"),
        ("roles: {admin: {may: [administer]}, Ann Lee: {may: [see]}}", "no name of a role"),
        ("roles: {admin: {may: [administer]}, op: {may: [see]}}", "Airflow's own"),
        ("roles: {admin: {may: administer}}", "list"),
        ("roles: [", "cannot be read"),
        ("roles: {admin: {may: [administer]}}\nusers: {}", "users"),
    ],
)
def test_no_role_is_guessed(tmp_path: Path, text: str, problem: str) -> None:
    """A file with a fault is refused whole, and the fault is named."""
    file = write(tmp_path, text)
    with pytest.raises(TerminalError) as refusal:
        load_roles(tmp_path)
    assert problem in str(refusal.value)
    assert str(file) in str(refusal.value)


def test_the_command_shows_the_rights_and_their_file() -> None:
    """`airworthy roles` answers who may do what."""
    shown = CliRunner().invoke(app, ["roles"]).stdout
    assert "ml_engineer  see, trigger, backfill\n" in shown
    assert shown.splitlines()[-1].endswith("roles.yaml")
