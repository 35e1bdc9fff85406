"""An environment file says where things live and how versions take over; a broken one is named,
with the place.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from airworthy.environment import Environment, load_environment, packed_environment
from airworthy.environment_file import CONTENT
from airworthy.errors import TerminalError
from airworthy.project import project_folder
from airworthy.release.release_rules import release_rules
from airworthy.spec import load_spec
from airworthy.spec.alerts_part import ALERT_KINDS
from airworthy.spec.release_part import Release

ANOTHER = {"by_other_than_trigger": True}


@pytest.mark.parametrize("content", [b"state: [1", b"\xff\xfe\x00"])
def test_file_that_is_no_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Broken YAML ends in the file's name, not in a traceback."""
    folder = tmp_path / "include" / "environments"
    folder.mkdir(parents=True)
    (folder / "local.yaml").write_bytes(content)
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    monkeypatch.delenv("AIRWORTHY_ENV", raising=False)
    with pytest.raises(TerminalError, match=r"local\.yaml is not YAML"):
        load_environment()


SHIPPED = {
    # name: approval, what is refused of dirty trees, guarded steps before full
    "local": ("auto", "allow", ()),
    "dev": ("auto", "allow", ("shadow",)),
    "test": ("auto", "refuse", ("shadow",)),
    "compose": ("auto", "allow", ()),
    "staging": ("auto", "allow", ("shadow", 50)),
    "production": ("required", "refuse", ("shadow", 10, 50)),
}


def test_each_shipped_environment_has_its_rules_named_here() -> None:
    """No file is left out below."""
    folder = Path(__file__).resolve().parents[2] / "include" / "environments"
    assert {file.stem for file in folder.glob("*.yaml")} - {"roles"} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_environment_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are complete once their variables are set; later ones are no less careful."""
    monkeypatch.setenv("AIRWORTHY_ENV", name)
    for variable in (
        "LAKE",
        "TRACKING_URI",
        "ARTIFACTS",
        "SERVER_URL",
        "STAGING_SERVER_URL",
        "FLAGS",
    ):
        monkeypatch.setenv(f"AIRWORTHY_{variable}", f"/somewhere/{variable.lower()}")
    environment = load_environment()
    approval, dirty_trees, guarded = SHIPPED[name]
    release = environment.release
    assert (environment.name, tuple(release.rollout)) == (name, (*guarded, "full"))
    assert (release.approval, release.dirty_trees) == (approval, dirty_trees)


def test_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's variable without a value stops with its name and its key."""
    monkeypatch.setenv("AIRWORTHY_ENV", "production")
    monkeypatch.delenv("AIRWORTHY_LAKE", raising=False)
    with pytest.raises(
        TerminalError, match="lake: the environment variable AIRWORTHY_LAKE is not set"
    ):
        load_environment()


def test_spec_wins_over_the_environment_and_the_environment_fills_the_rest(
    environment: Environment,
) -> None:
    """The environment fills in the spec, rule by rule."""
    spec = load_spec(environment.models / "delivery_eta" / "model.yaml")
    spoken = spec.model_copy(
        update={"release": Release(approval="required", bake=timedelta(hours=2))}
    )
    rules = release_rules(spoken, environment)
    assert (rules.approval, rules.bake, rules.rollout) == (
        "required",
        timedelta(hours=2),
        ("full",),
    )
    assert rules.guarded_steps == ()
    assert rules.approval_timeout == environment.release.approval_timeout


@pytest.mark.parametrize(
    ("asked", "spoken", "approval", "by_other"),
    [
        ("auto", None, "auto", False),
        (ANOTHER, None, "required", True),
        (ANOTHER, "required", "required", True),
        (ANOTHER, {**ANOTHER, "by_other_than_trigger": False}, "required", False),
        (ANOTHER, "auto", "auto", False),
        ("required", ANOTHER, "required", True),
    ],
)
def test_another_person_is_asked_for_until_the_spec_says_otherwise(
    environment: Environment, asked: Any, spoken: Any, approval: str, by_other: bool
) -> None:
    """It implies that an approval is required; a spec's plain `required` does not take it back."""
    spec = load_spec(environment.models / "delivery_eta" / "model.yaml")
    release = Release.model_validate({"approval": spoken})
    defaults = environment.release.model_validate({"approval": asked})
    rules = release_rules(
        spec.model_copy(update={"release": release}),
        environment.model_copy(update={"release": defaults}),
    )
    assert (rules.approval, rules.by_other_than_trigger) == (approval, by_other)


@pytest.mark.parametrize("rule", ["maybe", "null", "{by_other_than_trigger: 3}", "{other: true}"])
def test_a_rule_of_approvals_that_cannot_be_is_named(
    write: Callable[[str], Path], rule: str
) -> None:
    """One fault with all that is allowed."""
    write(f"release: {{approval: {rule}}}")
    with pytest.raises(TerminalError) as refusal:
        load_environment()
    where, _, allowed, *_ = str(refusal.value).splitlines()
    assert where.endswith("release.approval: this is no rule of approvals")
    assert allowed == "  allowed:  required, auto, or {by_other_than_trigger: true}"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that adds lines to the local environment, in its own project, and loads it."""
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
    """A stage's own place wins over the default; the state folder and variables are filled in at
    any depth.
    """
    write("""
        stages: {default: docker, ingest: inline, train: kubernetes}
        docker: {image: airworthy, mounts: ["{state}/cache:/cache:ro"]}
        kubernetes: {image: airworthy, namespace: ml, resources: {default: {cpus: 1}, train: {cpus: 8}}}
    """)
    environment = load_environment()
    assert [environment.runner_of(stage) for stage in ("ingest", "validate", "train")] == [
        "inline",
        "docker",
        "kubernetes",
    ]
    assert environment.docker is not None
    assert environment.docker.mounts == [f"{tmp_path}/.airworthy/cache:/cache:ro"]
    assert environment.kubernetes is not None
    assert [environment.kubernetes.resources_of(stage).cpus for stage in ("evaluate", "train")] == [
        1,
        8,
    ]


def test_alerts_go_to_the_channels_that_the_file_lists(write: Callable[[str], Path]) -> None:
    """Slack, e-mail and webhooks, by the ids of Airflow's connections; each for all alerts, or for
    some.
    """
    write("""
        alerts:
          - {type: slack, connection: slack_ml, channel: "#ml"}
          - {type: email, to: [ml@example.org], models: [delivery_eta]}
          - {type: webhook, connection: pager, endpoint: v2/enqueue, kinds: [guard_trip]}
    """)
    slack, email, webhook = load_environment().alerts
    assert [channel.name for channel in (slack, email, webhook)] == [
        "slack slack_ml #ml",
        "email smtp_default ml@example.org",
        "webhook pager v2/enqueue",
    ]
    assert set(slack.kinds) == set(ALERT_KINDS)
    assert (email.models, webhook.kinds) == (["delivery_eta"], ["guard_trip"])


def test_servers_have_the_settings_of_the_file_and_careful_ones_else(
    write: Callable[[str], Path],
) -> None:
    """A server goes on without the record, unless the file says that it refuses, and when."""
    write("state: .airworthy")
    server = load_environment().server
    assert (server.on_lost_record, server.lease) == ("serve", timedelta(seconds=10))
    write("server: {on_lost_record: refuse, lost_after: 2m, lease: 30s}")
    server = load_environment().server
    assert (server.on_lost_record, server.lost_after, server.lease) == (
        "refuse",
        timedelta(minutes=2),
        timedelta(seconds=30),
    )


def test_further_names_of_servers_come_by_a_variable(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster gives a server several names; the file's own stay."""
    write("server: {hosts: [models.example.org]}")
    monkeypatch.setenv("AIRWORTHY_SERVER_HOSTS", "model-server, model-server.models")
    hosts = load_environment().server.hosts
    assert hosts == ("models.example.org", "model-server", "model-server.models")
    write("server:")
    assert load_environment().server.hosts == hosts[1:]
    monkeypatch.setenv("AIRWORTHY_SERVER_HOSTS", "http://model-server")
    with pytest.raises(TerminalError, match=r"server\.hosts\[0\]: this is no host"):
        load_environment()


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("on_lost_record: guess", "on_lost_record"),
        ("lost_after: soon", "lost_after"),
        ("lease: 1s", "lease"),
        ("leese: 10s", "leese"),
    ],
)
def test_a_setting_of_servers_that_cannot_be_is_named(
    write: Callable[[str], Path], server: str, place: str
) -> None:
    """The fault names its key, and what is allowed there."""
    path = write(f"server: {{{server}}}")
    with pytest.raises(TerminalError) as raised:
        load_environment()
    assert f"{path}: server.{place}" in raised.value.problem
    assert "allowed" in raised.value.problem


def test_flags_may_lie_in_an_object_store(write: Callable[[str], Path], tmp_path: Path) -> None:
    """The key is an address; without it the file is in the state folder."""
    write("flags: s3://models/flags.json")
    assert load_environment().flags_address == "s3://models/flags.json"
    write("state: .airworthy")
    assert load_environment().flags_address == f"{tmp_path}/.airworthy/flags.json"


def test_nobody_is_told_where_nothing_is_said(write: Callable[[str], Path]) -> None:
    """An engineer's own machine has no channel, and needs none."""
    write("")
    assert load_environment().alerts == []


@pytest.mark.parametrize(
    ("channel", "key", "received", "allowed"),
    [
        ("{type: pager}", "[0].type: there is no such type", "'pager'", "email, slack, webhook"),
        (
            "{connection: slack_ml}",
            "[0].type: this key is required",
            "nothing",
            "email, slack, webhook",
        ),
        (
            "{type: slack, conection: s}",
            "[0].conection: unknown key; did you mean 'connection'?",
            "'s'",
            "channel, ",
        ),
        (
            "{type: slack, connection: 'https://hooks.slack.com/services/T/B/X'}",
            "[0].connection: the text has the",
            "'https://hooks.slack.com/services/T/B/X'",
            "text, the id of an Airflow connection, which has the secrets",
        ),
        (
            "{type: email}",
            "[0].to: this key is required",
            "nothing",
            "a list of at least 1, each entry: text, of the",
        ),
        (
            "{type: email, to: [everybody]}",
            "[0].to[0]: the text has the wrong form",
            "'everybody'",
            "text, of the",
        ),
        (
            "{type: webhook, kinds: [drfit]}",
            "[0].kinds[0]: this value is not one of the allowed ones; did you mean",
            "'drfit'",
            "drift, performance, circuit_breaker, champion_fails",
        ),
        (
            "{type: webhook, endpoint: 'http://elsewhere'}",
            "[0].endpoint: the text has the wrong form",
            "'http://elsewhere'",
            "text, a path below the connection's address",
        ),
    ],
)
def test_a_channel_that_cannot_be_is_named(
    write: Callable[[str], Path], channel: str, key: str, received: str, allowed: str
) -> None:
    """File, key path, received and allowed value; an address with a secret in it is no connection's
    id.
    """
    path = write(f"alerts: [{channel}]")
    with pytest.raises(TerminalError) as refusal:
        load_environment()
    where, got, may, *_ = str(refusal.value).splitlines()
    assert where.startswith(f"{path}: alerts{key}")
    assert got == f"  received: {received}"
    assert may.startswith(f"  allowed:  {allowed}")


def test_everything_runs_inline_where_nothing_is_said(write: Callable[[str], Path]) -> None:
    """One machine without Docker is the default."""
    write("")
    assert load_environment().runner_of("train") == "inline"


def test_the_variables_that_a_file_names_are_known(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container must get them too: it reads the same file."""
    monkeypatch.setenv("AIRWORTHY_TEST_IMAGE", "airworthy:1")
    write("docker: {image: '${AIRWORTHY_TEST_IMAGE}'}")
    environment = load_environment()
    assert environment.variables == ("AIRWORTHY_TEST_IMAGE",)
    assert environment.docker is not None
    assert environment.docker.image == "airworthy:1"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            "stages: {trian: docker}\ndocker: {image: i}",
            "stages.trian: there is no such stage\n  received: 'trian'\n  allowed:  approval, ",
        ),
        ("stages: {train: docker}", "stages.train: there are no settings under the key docker"),
        (
            "stages: {train: podman}",
            "stages.train: this value is not one of the allowed ones\n  received: 'podman'\n  allowed:  inline, ",
        ),
        ("docker: {image: i, mounts: [relative]}", "docker.mounts[0]: the text has the wrong form"),
        ("docker: {image: i, imagine: 1}", "docker.imagine: unknown key; did you mean 'image'?"),
        (
            "docker: {image: i, resources: {trian: {cpus: 1}}}",
            "docker.resources.trian: there is no such stage",
        ),
        (
            "docker: {image: '${AIRWORTHY_NOT_SET}'}",
            "docker.image: the environment variable AIRWORTHY_NOT_SET",
        ),
    ],
)
def test_places_that_cannot_be_are_named(
    write: Callable[[str], Path], lines: str, words: str
) -> None:
    """A misspelt stage, a runner without settings, an unknown key: file and key, before anything
    runs.
    """
    path = write(lines)
    with pytest.raises(TerminalError) as refusal:
        load_environment()
    assert str(refusal.value).startswith(f"{path}: ")
    assert words in str(refusal.value)


def test_environment_of_the_package_is_the_one_of_the_checkout() -> None:
    """A project begun with an installed package goes on unchanged in a checkout."""
    shipped = project_folder() / "include" / "environments" / "local.yaml"
    assert (files("airworthy") / "local.yaml").read_text(encoding="utf-8") == shipped.read_text(
        encoding="utf-8"
    )


def test_project_without_environments_has_the_one_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models are enough for a project: its state lies in it, and another environment is refused."""
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    for variable in ("AIRWORTHY_ENV", "AIRWORTHY_STATE", "AIRWORTHY_MODELS"):
        monkeypatch.delenv(variable, raising=False)
    environment = load_environment()
    assert (environment.name, environment.state) == ("local", tmp_path / ".airworthy")
    assert environment.models == tmp_path / "include" / "models"

    monkeypatch.setenv("AIRWORTHY_ENV", "production")
    with pytest.raises(TerminalError, match="there is no such environment") as refusal:
        load_environment()
    assert refusal.value.allowed == "local"


def test_project_with_environments_has_no_other(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `AIRWORTHY_ENV`, nothing goes to a lake of this machine unasked."""
    write("").rename(write("").with_name("production.yaml"))
    with pytest.raises(TerminalError, match="there is no such environment") as refusal:
        load_environment()
    assert (refusal.value.received, refusal.value.allowed) == ("AIRWORTHY_ENV=local", "production")


def test_project_that_is_no_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt project is refused before anything is written into it."""
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path / "misspelt"))
    with pytest.raises(TerminalError, match="there is no such project") as refusal:
        load_environment()
    assert refusal.value.received == f"AIRWORTHY_PROJECT={tmp_path / 'misspelt'}"
    assert not (tmp_path / "misspelt").exists()


def test_checkout_is_the_project_wherever_the_command_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The current folder counts only for an installed package."""
    monkeypatch.delenv("AIRWORTHY_PROJECT", raising=False)
    (tmp_path / "include" / "models").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert project_folder() == Path(__file__).resolve().parents[2]


def test_a_container_needs_no_environment_file(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The packed file of its caller stands for it, with the container's own variables."""
    monkeypatch.setenv("LAKE", "s3://caller")
    write("lake: ${LAKE}\ntracking_uri: http://m\nartifacts: s3://a\nserver_url: http://s\n")
    caller = load_environment()
    monkeypatch.setenv(CONTENT, packed_environment(caller))
    monkeypatch.setenv("LAKE", "s3://container")
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path / "image"))
    (tmp_path / "image" / "include" / "models").mkdir(parents=True)
    container = load_environment()
    assert (container.name, container.lake) == (caller.name, "s3://container")
    monkeypatch.setenv(CONTENT, "no packed file")
    with pytest.raises(TerminalError, match="no packed file"):
        load_environment()
