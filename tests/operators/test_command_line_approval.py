"""Approvals on the command line, in processes of their own, with a real Airflow API server."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airworthy.ledger.events import ApprovalAnswered
from airworthy.ledger.ledger_queries import of_kind

from ..core.release.release_environment import (  # noqa: TID252 - tests are no installed package
    MODEL,
    ReleaseEnvironment,
    open_release_environment,
)
from .airflow_server import PASSWORDS, airflow_server

Approval = tuple[str, str | None]


class Person:
    """Somebody at a terminal, with a home of their own.

    Args:
        env: The release environment.
        home: The home's folder.
    """

    def __init__(self, env: ReleaseEnvironment, home: Path) -> None:
        self.env = env
        self.home = home
        self.tokens = home / ".config" / "airworthy" / "airflow_tokens.json"

    def run(
        self, *words: str, given: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the console command.

        Args:
            words: Its arguments.
            given: Its standard input.
            **variables: Further environment variables.
        """
        kept = {key: value for key, value in os.environ.items() if key != "XDG_CONFIG_HOME"}
        return subprocess.run(
            [sys.executable, "-m", "airworthy", *words],
            env={**kept, "HOME": str(self.home), **variables},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def log_in(self, name: str) -> str:
        """Log in with the name's password; return the kept token."""
        done = self.run("login", "--user", name, given=PASSWORDS[name])
        assert done.returncode == 0, done.stderr
        assert f"as {name}" in done.stdout
        [token] = json.loads(self.tokens.read_text()).values()
        return str(token)

    def approve(self, version: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Approve and release a version."""
        return self.run("release", MODEL, version, "--approve", "looked at it", **variables)

    def approvals(self) -> list[Approval]:
        """Return name and proof of each recorded approval."""
        entries = of_kind(self.env.entries(), ApprovalAnswered)
        return [(entry.who, entry.proved_by) for entry in entries]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """A model with a champion, in an environment with an Airflow."""
    with (
        airflow_server(tmp_path_factory.mktemp("airflow")) as url,
        open_release_environment(
            tmp_path_factory.mktemp("release"), many_machines=True, airflow_url=url
        ) as env,
    ):
        yield env


@pytest.fixture(scope="module")
def version(env: ReleaseEnvironment) -> str:
    """Version 2, of a run that alice triggered in Airflow."""
    trigger = {"requested_by": "alice", "requested_by_proof": "airflow"}
    return str(env.train("2026-03-21", **trigger)["version"]["version"])


@pytest.fixture
def person(env: ReleaseEnvironment, version: str, tmp_path: Path) -> Person:
    """Somebody without a login; approvals are required."""
    env.write_spec(approval="required")
    return Person(env, tmp_path)


def test_a_variable_approves_nothing(person: Person, version: str) -> None:
    """LOGNAME and USER are no proof of a name: nothing is recorded, and the next step is told."""
    done = person.approve(version, LOGNAME="alice", USER="alice")
    assert done.returncode == 1
    assert "no token" in done.stderr
    assert "airworthy login" in done.stderr
    assert person.approvals() == []


def test_a_forged_token_is_refused(person: Person, version: str) -> None:
    """A token with another's name in it, signed by somebody else, is none, at the login and later."""
    real = person.log_in("bob")
    header, content, signature = real.split(".")
    claims = json.loads(base64.urlsafe_b64decode(content + "=="))
    text = json.dumps({**claims, "sub": "alice"}).encode()
    forged = ".".join([header, base64.urlsafe_b64encode(text).decode().rstrip("="), signature])
    refused = person.run("login", "--token", given=forged)
    assert (refused.returncode, "does not accept" in refused.stderr) == (1, True)
    person.tokens.write_text(person.tokens.read_text().replace(real, forged))
    done = person.approve(version)
    assert done.returncode == 1
    assert "does not accept the token" in done.stderr
    assert "Traceback" not in done.stderr
    assert person.approvals() == []


def test_who_may_not_approve_is_refused(person: Person, version: str) -> None:
    """A person without the right in Airflow, or not among the spec's approvers."""
    person.log_in("vic")
    done = person.approve(version)
    assert (done.returncode, "vic may not approve" in done.stderr) == (1, True)
    person.env.write_spec(approval="required", approvers=["alice"])
    person.log_in("bob")
    done = person.approve(version)
    assert (done.returncode, "bob may not approve" in done.stderr) == (1, True)
    assert person.approvals() == []


def test_a_token_is_kept_for_its_owner_alone(person: Person) -> None:
    """Its file is not used when others could have read it; a logout forgets it."""
    person.log_in("alice")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (person.tokens, person.tokens.parent)]
    assert modes == [0o600, 0o700]
    person.tokens.chmod(0o644)
    assert "others may read" in person.run("logout").stderr
    person.tokens.chmod(0o600)
    assert person.run("logout").returncode == 0
    assert json.loads(person.tokens.read_text()) == {}
    wrong = person.run("login", "--user", "alice", given="guessed")
    assert (wrong.returncode, "does not accept" in wrong.stderr) == (1, True)


def test_two_people_approve_and_airflow_proves_their_names(
    person: Person, version: str, env: ReleaseEnvironment
) -> None:
    """Whoever triggered the run is refused where another one must approve; another's approval is
    recorded as proved by Airflow, and the version takes over.
    """
    env.write_spec(approval={"by_other_than_trigger": True})
    person.log_in("alice")
    done = person.approve(version)
    assert (done.returncode, "alice triggered its run" in done.stderr) == (1, True)
    person.log_in("bob")
    done = person.approve(version, LOGNAME="alice")
    assert done.returncode == 0, done.stderr
    assert "champion: yes" in done.stdout
    assert person.approvals() == [("bob", "airflow")]
    assert "bob (proved by airflow)" in person.run("ledger", MODEL).stdout
    again = person.run("lineage", f"{MODEL}/{version}")
    assert "bob (proved by airflow)" in again.stdout


def test_alices_approval_is_hers_by_airflows_word(person: Person, env: ReleaseEnvironment) -> None:
    """The same where one person may do both: the name is Airflow's, not the process's user."""
    payload: dict[str, Any] = env.train("2026-03-22")
    version = payload["version"]["version"]
    person.log_in("alice")
    done = person.approve(version)
    assert done.returncode == 0, done.stderr
    assert person.approvals()[-1] == ("alice", "airflow")
