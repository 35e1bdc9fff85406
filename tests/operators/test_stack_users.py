"""Further users of the embedded stack's Airflow: their roles, their passwords, and what is refused."""

from __future__ import annotations

import json

import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy_airflow.stack.control import addresses
from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets, password_file, user_passwords
from airworthy_airflow.stack.settings import airflow_settings
from airworthy_airflow.stack.users import VARIABLE

USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"


def test_users_have_roles_and_passwords_that_stay(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that does not know of the users takes no password away, and gives nobody access."""
    monkeypatch.setenv(VARIABLE, " eve:viewer,bob:user,ann:approver ")
    layout = load_layout()
    secrets = ensure_secrets(layout)
    passwords = user_passwords(layout)
    assert (
        airflow_settings(layout, secrets)[USERS] == "admin:admin,eve:viewer,bob:user,ann:approver"
    )
    assert len({secrets.password, *passwords.values()}) == 4
    assert f"login: eve / {passwords['eve']}" in addresses(layout)
    monkeypatch.delenv(VARIABLE)
    without = load_layout()
    assert airflow_settings(without, ensure_secrets(without))[USERS] == "admin:admin"
    assert user_passwords(layout) == passwords
    stored = json.loads(password_file(layout).read_text(encoding="utf-8"))
    assert stored == {USER: secrets.password, **passwords}
    assert password_file(layout).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("admin:viewer", "taken"),
        ("nobody:user", "taken"),
        ("eve:viewer,eve:admin", "taken"),
        ("eve", "no role"),
        ("eve:", "no role"),
        ("eve:Viewer", "no role"),
        ("eve:viewer:team", "no role"),
        (":viewer", "no name"),
        ("eve'\n:viewer", "no name"),
    ],
)
def test_no_user_is_guessed(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    """A name or a role that is none, and a name that somebody has, are refused with what is allowed."""
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(TerminalError, match=problem) as refusal:
        load_layout()
    assert VARIABLE in str(refusal.value.received)
