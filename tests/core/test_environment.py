"""An environment file says where things live and how versions take over; a broken one is named, with the place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.release.rules import release_rules
from airworthy.spec import load_spec
from airworthy.spec.release import Release


@pytest.mark.parametrize("content", [b"state: [1", b"\xff\xfe\x00"])
def test_file_that_is_no_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Broken YAML ends in the file's name, not in a traceback."""
    folder = tmp_path / "include" / "environments"
    folder.mkdir(parents=True)
    (folder / "local.yaml").write_bytes(content)
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    monkeypatch.delenv("AIRWORTHY_ENV", raising=False)
    with pytest.raises(TerminalError, match=r"local\.yaml is not YAML"):
        load_environment()


@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_every_shipped_environment_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The three files are complete once the variables that they name are set."""
    monkeypatch.setenv("AIRWORTHY_ENV", name)
    for variable in ("LAKE", "TRACKING_URI", "ARTIFACTS", "SERVER_URL", "STAGING_SERVER_URL", "FLAGS"):
        monkeypatch.setenv(f"AIRWORTHY_{variable}", f"/somewhere/{variable.lower()}")
    environment = load_environment()
    assert environment.name == name
    assert environment.release.rollout[-1] == "full"
    assert (environment.release.approval == "required") == (name == "production")


def test_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's variable without a value stops with its name and the key that needs it."""
    monkeypatch.setenv("AIRWORTHY_ENV", "production")
    monkeypatch.delenv("AIRWORTHY_LAKE", raising=False)
    with pytest.raises(TerminalError, match="lake: the environment variable AIRWORTHY_LAKE is not set"):
        load_environment()


def test_spec_wins_over_the_environment_and_the_environment_fills_the_rest(environment: Environment) -> None:
    """What a spec leaves out is the environment's choice, rule by rule."""
    spec = load_spec(environment.models / "delivery_eta" / "model.yaml")
    said = spec.model_copy(update={"release": Release(approval="required", bake=timedelta(hours=2))})
    rules = release_rules(said, environment)
    assert (rules.approval, rules.bake, rules.rollout) == ("required", timedelta(hours=2), ("full",))
    assert rules.watched_steps == ()
    assert rules.approval_timeout == environment.release.approval_timeout
