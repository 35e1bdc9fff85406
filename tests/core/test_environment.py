"""An environment file says where things live and how versions take over; a broken one is named, with the place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

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


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Add lines to the shipped local environment, in a project of its own, and make it the one that is loaded."""
    shipped = Path(__file__).resolve().parents[2] / "include" / "environments" / "local.yaml"
    path = tmp_path / "include" / "environments" / "local.yaml"
    path.parent.mkdir(parents=True)
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    monkeypatch.delenv("AIRWORTHY_ENV", raising=False)
    monkeypatch.delenv("AIRWORTHY_STATE", raising=False)

    def add(lines: str) -> Path:
        path.write_text(shipped.read_text(encoding="utf-8") + dedent(lines), encoding="utf-8")
        return path

    return add


def test_stages_run_where_the_file_says(write: Callable[[str], Path], tmp_path: Path) -> None:
    """A stage's own place wins over the default; the state folder and variables are filled in at any depth."""
    write("""
        stages: {default: docker, ingest: inline, train: kubernetes}
        docker: {image: airworthy, mounts: ["{state}/cache:/cache:ro"]}
        kubernetes: {image: airworthy, namespace: ml, resources: {default: {cpus: 1}, train: {cpus: 8}}}
    """)
    environment = load_environment()
    assert [environment.place_of(stage) for stage in ("ingest", "validate", "train")] == [
        "inline", "docker", "kubernetes",
    ]  # fmt: skip
    assert environment.docker is not None
    assert environment.docker.mounts == [f"{tmp_path}/.airworthy/cache:/cache:ro"]
    assert environment.kubernetes is not None
    assert [environment.kubernetes.resources_of(stage).cpus for stage in ("evaluate", "train")] == [1, 8]


def test_everything_runs_inline_where_nothing_is_said(write: Callable[[str], Path]) -> None:
    """One machine without Docker is the default."""
    write("")
    assert load_environment().place_of("train") == "inline"


def test_the_variables_that_a_file_names_are_known(write: Callable[[str], Path], monkeypatch) -> None:
    """A container must get them too: it reads the same file."""
    monkeypatch.setenv("AIRWORTHY_TEST_IMAGE", "airworthy:1")
    write("docker: {image: '${AIRWORTHY_TEST_IMAGE}'}")
    environment = load_environment()
    assert environment.variables == ("AIRWORTHY_TEST_IMAGE",)
    assert environment.docker is not None
    assert environment.docker.image == "airworthy:1"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("stages: {trian: docker}\ndocker: {image: i}", "trian is no stage; there are approval, "),
        ("stages: {train: docker}", "train runs in docker, and there are no settings under the key docker"),
        ("stages: {train: podman}", "stages.train: Input should be 'inline', 'docker' or 'kubernetes'"),
        ("docker: {image: i, mounts: [relative]}", "docker.mounts.0"),
        ("docker: {image: i, imagine: 1}", "docker.imagine"),
        ("docker: {image: i, resources: {trian: {cpus: 1}}}", "trian is no stage"),
        ("docker: {image: '${AIRWORTHY_NOT_SET}'}", "docker.image: the environment variable AIRWORTHY_NOT_SET"),
    ],
)
def test_places_that_cannot_be_are_named(write: Callable[[str], Path], lines: str, told: str) -> None:
    """A misspelt stage, a place without settings, a key that there is not: file and key, before anything runs."""
    path = write(lines)
    with pytest.raises(TerminalError) as refusal:
        load_environment()
    assert str(refusal.value).startswith(f"{path}: ")
    assert told in str(refusal.value)
