"""``airworthy roles``: the roles of people in Airflow, and what each may do."""

from __future__ import annotations

import typer

from airworthy.cli.json_output import Json, print_lines


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("roles")(roles)


def roles(as_json: Json = False) -> None:
    """Print each role with its rights, and the file that they are from.

    They hold in Airflow, on the Models page and on the pages of evidence, as docs/how-to/roles.md says.
    """
    from airworthy.roles import RIGHTS, load_roles, roles_file

    found, width = load_roles().roles, max(map(len, load_roles().roles))
    objects = [
        {
            "role": name,
            "description": role.description,
            "rights": [each for each in RIGHTS if each in role.rights],
        }
        for name, role in found.items()
    ]
    lines = [f"{each['role']:{width}}  {', '.join(each['rights'])}" for each in objects]
    print_lines(as_json, objects, [*lines, f"of {roles_file()}"])
