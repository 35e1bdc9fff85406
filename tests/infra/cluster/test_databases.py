"""infra/postgres/databases.sh on a real PostgreSQL whose administrator is no superuser, as a cloud's is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.services import postgresql_program

from .tools import PROJECT, program

SCRIPT = PROJECT / "infra" / "postgres" / "databases.sh"
NAMES = ("airflow", "celery", "mlflow")
CAREFUL_ROLE = "CREATE ROLE administrator LOGIN CREATEDB CREATEROLE PASSWORD 'rights'"


@pytest.fixture
def administrator() -> Iterator[dict[str, str]]:
    """The variables with which psql reaches a new server, on a socket, as its administrator."""
    initdb, control_program = _program("initdb"), _program("pg_ctl")
    # PostgreSQL does not run as root, and pytest's folders are root's own.
    folder = Path(tempfile.mkdtemp(prefix="airworthy-databases-"))
    as_user: dict[str, Any] = {"cwd": folder}
    (folder / "password").write_text("super", encoding="utf-8")
    if os.geteuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres", "postgres")
        as_user |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    data = ["--pgdata", str(folder / "data")]
    make = ["--auth=scram-sha-256", "--pwfile", str(folder / "password"), "--username=postgres"]
    _run(
        initdb,
        *data,
        *make,
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
        **as_user,
    )
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    control = (control_program, *data, "--wait", "--silent", "--log", str(folder / "log"))
    _run(*control, "--options", options, "start", **as_user)
    try:
        reach = {"PATH": os.environ["PATH"], "PGHOST": str(folder), "PGDATABASE": "postgres"}
        assert _answer(reach | {"PGUSER": "postgres", "PGPASSWORD": "super"}, CAREFUL_ROLE) == ""
        yield reach | {"PGUSER": "administrator", "PGPASSWORD": "rights"}
    finally:
        _run(*control, "--mode", "immediate", "stop", **as_user)
        shutil.rmtree(folder)


def test_each_program_has_a_database_that_no_other_one_reaches(
    administrator: Mapping[str, str],
) -> None:
    """A second time gives the users new passwords, and changes nothing else."""
    _make(administrator, "first")
    _as(administrator, "mlflow", "first", "CREATE TABLE kept (n int)")
    _make(administrator, "second 'quoted\"")
    for name in NAMES:
        reached = [
            other
            for other in NAMES
            if _as(administrator, name, "second 'quoted\"", "SELECT 1", database=other) == "1"
        ]
        assert reached == [name]
        assert _as(administrator, name, "first", "SELECT 1") is None
    assert _as(administrator, "mlflow", "second 'quoted\"", "SELECT count(*) FROM kept") == "0"


def _make(administrator: Mapping[str, str], password: str) -> None:
    variables = {f"{name.upper()}_DATABASE_PASSWORD": password for name in NAMES}
    _run("sh", str(SCRIPT), env={**administrator, **variables})


def _as(
    administrator: Mapping[str, str],
    user: str,
    password: str,
    statement: str,
    database: str | None = None,
) -> str | None:
    login = {"PGUSER": user, "PGPASSWORD": password, "PGDATABASE": database or user}
    return _answer({**administrator, **login}, statement)


def _answer(variables: Mapping[str, str], statement: str) -> str | None:
    """Return what a statement answers, or None when the server refuses the user."""
    command = [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--command",
        statement,
    ]
    done = subprocess.run(command, env=dict(variables), capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _program(name: str) -> str:
    return program(name, "DISTRIBUTED", postgresql_program(name))


def _run(*command: str, **options: Any) -> None:
    done = subprocess.run(command, text=True, capture_output=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
