"""Stages outside the task's process: requests to Docker and Kubernetes, and their answers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.providers.docker.exceptions import DockerContainerFailedException
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes.client import ApiClient, V1Pod

from airworthy.environment_file import CONTENT
from airworthy.errors import (
    AirworthyError,
    TerminalError,
    TerminalPlaceError,
    TransientError,
    TransientPlaceError,
    UnfitDataError,
)
from airworthy.handover.catalogue import OPERATIONS, STAGES
from airworthy.stage_input import VARIABLE, unpack
from airworthy.working_tree.folder_digest import DIGEST_VARIABLE
from airworthy_airflow.operators.stage_operator import airflow_errors
from airworthy_airflow.runners import runner_for
from airworthy_airflow.runners.docker_runner import DockerRunner, failure_of
from airworthy_airflow.runners.inline_runner import InlineRunner
from airworthy_airflow.runners.kubernetes_runner import KubernetesRunner
from airworthy_airflow.runners.pod_deaths import exit_code_of
from airworthy_airflow.runners.stage_call import StageCall, secret_values

from .docker_engine import Engine, running_engine
from .stage_calls import make_call

TRAINING = {
    "cpus": 2.5,
    "memory_mib": 4096,
    "gpus": 1,
    "disk": "10Gi",
    "node_selector": {"disk": "ssd"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "priority_class": "nightly",
}
CONTEXT: Any = {"dag_run": SimpleNamespace(dag_id="delivery_eta__train", run_id="manual__1")}
ERROR = [
    "delivery_eta train: too few rows", "  received: 12", "  allowed:  at least 100",
    "  so:       this run stops and is not retried; the champion keeps serving.",
]  # fmt: skip


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., StageCall]:
    """Make a call of the stage ``train`` in an environment with these places and settings."""
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    monkeypatch.setenv("AIRWORTHY_ENV", "contained")
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRWORTHY_GIT_COMMIT", "abc123")
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", "postgresql://user:db-word@db/mlflow")
    monkeypatch.setenv("AIRWORTHY_TEST_KEY", "a secret too")
    monkeypatch.setenv("AIRWORTHY_SERVER_TOKEN", "the servers' secret")
    monkeypatch.delenv("AIRWORTHY_SERVER_URL", raising=False)

    return partial(make_call, tmp_path)


@pytest.fixture
def store_variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The caller's variables that lead to its object store."""
    variables = {"AWS_ENDPOINT_URL": "http://store:9000", "AWS_SECRET_ACCESS_KEY": "store-key-1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def test_docker_hands_the_object_store_on_as_a_secret(
    call: Callable[..., StageCall], store_variables: dict[str, str]
) -> None:
    """A container finds lake and artifacts as its caller does; no rendered field shows how."""
    operator = DockerRunner(call()).operator(CONTEXT)
    private = operator._private_environment
    assert store_variables.items() <= private.items()
    assert not store_variables.keys() & operator.environment.keys()


def test_a_pod_shows_no_credentials_of_the_object_store(
    call: Callable[..., StageCall], store_variables: dict[str, str]
) -> None:
    """Its specification has the store's address; credentials come from Secrets or the account."""
    shown = KubernetesRunner(call("kubernetes")).operator().env_vars
    values = dict(shown)
    assert values["AWS_ENDPOINT_URL"] == store_variables["AWS_ENDPOINT_URL"]
    assert "AWS_SECRET_ACCESS_KEY" not in values
    of_secrets = KubernetesRunner(call("kubernetes", secrets=["store"])).operator().env_vars
    assert not set(of_secrets) & store_variables.keys()


@pytest.mark.parametrize(
    ("runner", "kind"),
    [("inline", InlineRunner), ("docker", DockerRunner), ("kubernetes", KubernetesRunner)],
)
def test_the_environment_picks_the_place(
    call: Callable[..., StageCall], runner: str, kind: type
) -> None:
    """By the stage's name."""
    assert isinstance(runner_for(call(runner)), kind)


def test_docker_is_asked_for_one_container_with_all_that_the_stage_needs(
    call: Callable[..., StageCall],
) -> None:
    """The stage's command, its input packed in a variable, the state folder under its own path, the
    worker's user.
    """
    settings = {
        "network": "host",
        "mounts": ["/data:/data:ro", "shared:/shared"],
        "variables": ["AIRWORTHY_TEST_KEY"],
        "resources": {"train": {"memory_mib": 512, "cpus": 2}},
    }
    with running_engine(Engine(result={"model": "delivery_eta"})) as engine:
        built = call(engine=engine.url, **settings)
        assert DockerRunner(built).run(CONTEXT) == {"model": "delivery_eta"}
    requested = engine.created
    assert requested["Image"] == "airworthy:1"
    assert requested["Cmd"][:6] == ["python", "-m", "airworthy", "stage", "train", "--model"]
    assert requested["User"] == f"{os.getuid()}:{os.getgid()}"
    variables = dict(line.split("=", 1) for line in requested["Env"])
    assert json.loads(unpack(variables[VARIABLE])) == built.payload
    assert variables["AIRWORTHY_ENV"] == "contained"
    assert variables["AIRWORTHY_TRACKING_URI"] == "postgresql://user:db-word@db/mlflow"
    assert variables["AIRWORTHY_TEST_KEY"] == "a secret too"
    assert variables["AIRWORTHY_SERVER_TOKEN"] == "the servers' secret"
    assert "AIRWORTHY_GIT_COMMIT" not in variables  # the image says its own
    assert variables["AIRWORTHY_STATE"] == str(built.environment.state)
    assert "AIRWORTHY_SERVER_URL" not in variables
    mounted = requested["HostConfig"]["Mounts"]
    mounts = {mount["Target"]: (mount["Source"], bool(mount.get("ReadOnly"))) for mount in mounted}
    state = str(built.environment.state)
    shared = str(built.environment.project / "shared")
    assert mounts == {
        state: (state, False),
        "/data": ("/data", True),
        "/shared": (shared, False),  # below the project, wherever the worker runs
    }
    assert requested["HostConfig"]["NetworkMode"] == "host"
    assert requested["HostConfig"]["Memory"] == 512 * 2**20
    assert engine.removed == ["container"]


def test_secrets_are_in_no_field_that_airflow_shows(call: Callable[..., StageCall]) -> None:
    """Airflow's pages show an operator's template fields; secrets are not among them."""
    operator = DockerRunner(call(variables=["AIRWORTHY_TEST_KEY"])).operator(CONTEXT)
    shown = str([getattr(operator, field) for field in operator.template_fields])
    assert "a secret too" not in shown
    assert "user:db-word" not in shown


@pytest.mark.parametrize(
    ("exit_code", "log", "raised", "words"),
    [
        (1, ERROR, TerminalError, "too few rows"),
        (
            75,
            ["delivery_eta train: the source does not answer", "  received: x"],
            TransientError,
            "does not answer",
        ),
        (137, ["fitting"], TransientError, "fitting"),
        (137, [], TransientError, "without a word"),
    ],
    ids=["no use trying again", "may pass", "killed", "killed in silence"],
)
def test_exit_codes_decide_whether_a_task_is_retried(
    call: Callable[..., StageCall],
    exit_code: int,
    log: list[str],
    raised: type[AirworthyError],
    words: str,
) -> None:
    """1 fails the task for good, everything else may be retried; the error has the stage's own
    words.
    """
    with (
        running_engine(Engine(exit_code=exit_code, log=log)) as engine,
        pytest.raises(raised, match=words) as failure,
    ):
        DockerRunner(call(engine=engine.url)).run(CONTEXT)
    assert str(exit_code) in str(failure.value.received)
    assert engine.removed == ["container"]


@pytest.mark.parametrize(
    ("exit_code", "log", "raised", "words"),
    [
        (1, [b"delivery_eta train: too few rows", "  received: 12"], TerminalError, "too few rows"),
        (137, [b"caf\xe9"], TransientError, "caf"),
        (137, None, TransientError, "without a word"),
    ],
    ids=["bytes", "bytes that are no text", "no log at all"],
)
def test_a_failed_container_has_its_error_whatever_form_its_log_has(
    call: Callable[..., StageCall],
    exit_code: int,
    log: list[str | bytes] | None,
    raised: type,
    words: str,
) -> None:
    """Airflow's exception may carry lines as bytes, or no log: its exit code decides all the same."""
    error = failure_of(
        call(), DockerContainerFailedException(f"failed: {{'StatusCode': {exit_code}}}", logs=log)
    )
    assert isinstance(error, raised)
    assert words in str(error)


def test_airflow_retries_what_may_pass_and_nothing_else(call: Callable[..., StageCall]) -> None:
    """The errors become Airflow's own exceptions."""
    log = SimpleNamespace(error=lambda *_: None, warning=lambda *_: None)
    for exit_code, kind in ((1, AirflowFailException), (75, AirflowException)):
        with running_engine(Engine(exit_code=exit_code)) as engine:
            built = call(engine=engine.url)
            with pytest.raises(kind) as failure, airflow_errors(log):
                DockerRunner(built).run(CONTEXT)
        assert type(failure.value) is kind


def test_a_container_that_leaves_no_result_may_be_tried_again(
    call: Callable[..., StageCall],
) -> None:
    """An image with another command ends well and has no output."""
    with running_engine(Engine()) as engine, pytest.raises(TransientError, match="no result"):
        DockerRunner(call(engine=engine.url)).run(CONTEXT)


def test_what_a_killed_try_left_is_removed_first(call: Callable[..., StageCall]) -> None:
    """Two containers of one task never work side by side."""
    with running_engine(Engine(result={}, leftovers=["old"])) as engine:
        DockerRunner(call(engine=engine.url)).run(CONTEXT)
    assert engine.removed == ["old", "container"]


def test_a_stop_before_the_container_exists_lets_none_begin(
    call: Callable[..., StageCall],
) -> None:
    """Before the run, and while the engine creates the container; nothing of it is left."""
    with running_engine(Engine(result={})) as engine:
        early = DockerRunner(call(engine=engine.url))
        early.stop()
        with pytest.raises(TransientPlaceError, match="the task was ended"):
            early.run(CONTEXT)
        assert engine.created == {}
        late = DockerRunner(call(engine=engine.url))
        engine.on_create = late.stop
        with pytest.raises(TransientPlaceError, match="the task was ended"):
            late.run(CONTEXT)
    assert not engine.started.is_set()
    assert engine.removed == ["container"]


def test_a_container_over_its_memory_limit_names_the_limit(call: Callable[..., StageCall]) -> None:
    """A retry would end alike, so there is none."""
    resources = {"default": {"memory_mib": 512}}
    with running_engine(Engine(exit_code=137, state={"OOMKilled": True})) as engine:
        built = call(engine=engine.url, resources=resources)
        with pytest.raises(TerminalPlaceError, match="its limit of 512 MiB"):
            DockerRunner(built).run(CONTEXT)


def test_the_stages_answer_is_not_a_librarys_last_line(call: Callable[..., StageCall]) -> None:
    """The line of JSON counts, whatever came after it; without one the place is at fault."""
    said = json.dumps({"message": "no rows", "kind": "unfit_data", "exit_code": 1})
    for log, kind, words in (
        ([said, "urllib3: bye"], UnfitDataError, "no rows"),
        (["No module named airworthy"], TerminalPlaceError, "without the stage's answer"),
    ):
        with (
            running_engine(Engine(exit_code=1, log=log)) as engine,
            pytest.raises(kind, match=words),
        ):
            DockerRunner(call(engine=engine.url)).run(CONTEXT)


def test_logs_show_harmless_variables_and_no_others() -> None:
    """An address without a login, a name, a region; a value that nobody knows is masked."""
    shown = {
        "AIRWORTHY_ENV": "production",
        "AIRWORTHY_SERVER_URL": "http://models:8000",
        "AWS_REGION": "eu-central-1",
    }
    address = "postgresql://user:pass-word@db/mlflow"
    assert secret_values({**shown, "ANY_KEY": "of any kind", "URI": address}) == {
        "of any kind",
        "pass-word",
        address,
    }


def test_an_image_says_its_own_commit(call: Callable[..., StageCall]) -> None:
    """The caller's would make the evidence name code that did not run."""
    with pytest.raises(TerminalError, match="the image says this of itself"):
        call(variables=["AIRWORTHY_GIT_COMMIT"])


def test_an_engine_that_is_down_may_come_back(call: Callable[..., StageCall]) -> None:
    """The failure is transient for Airflow."""
    with running_engine(Engine()) as engine:
        pass
    with pytest.raises((TransientError, AirflowException)) as failure:
        DockerRunner(call(engine=engine.url)).run(CONTEXT)
    assert not isinstance(failure.value, AirflowFailException)


def test_kubernetes_is_asked_for_a_pod_that_its_api_takes(
    call: Callable[..., StageCall], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes' own models read the specification back; there is one container."""
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", "kubernetes://")
    template = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "template"},
        "spec": {
            "volumes": [{"name": "lake", "emptyDir": {}}],
            "containers": [{"name": "base", "image": "replaced"}],
        },
    }
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(template), encoding="utf-8")
    built = call(
        "kubernetes",
        secrets=["lake"],
        config_maps=["addresses"],
        service_account="airworthy",
        pod_template=str(tmp_path / "pod.yaml"),
        resources={"default": {"cpus": 1}, "train": TRAINING},
        pull_secrets=["registry"],
        labels={"team": "eta"},
        startup_timeout="20m",
        deadline="3h",
    )
    operator = KubernetesRunner(built).operator()
    assert operator.startup_timeout_seconds == 1200
    pod = operator.build_pod_request_obj(dry_run=True)
    sent = ApiClient().sanitize_for_serialization(pod)
    back = ApiClient().deserialize(SimpleNamespace(data=json.dumps(sent)), "V1Pod")
    assert isinstance(back, V1Pod)
    assert back.metadata.namespace == "ml"
    assert back.metadata.name.startswith("airworthy-train-delivery-eta-")
    assert back.spec.service_account_name == "airworthy"
    assert back.spec.volumes[0].name == "lake"
    assert back.spec.node_selector == {"disk": "ssd"}
    assert back.spec.restart_policy == "Never"
    assert back.spec.active_deadline_seconds == 3 * 3600
    assert back.spec.priority_class_name == "nightly"
    assert (
        back.spec.tolerations[0].to_dict().items() >= {"key": "gpu", "operator": "Exists"}.items()
    )
    assert back.spec.image_pull_secrets[0].name == "registry"
    assert back.spec.automount_service_account_token is False
    labels = {"team": "eta", "airworthy.model": "delivery_eta", "airworthy.stage": "train"}
    assert labels.items() <= back.metadata.labels.items()
    (stage,) = back.spec.containers
    assert stage.image == "airworthy:1"
    assert not stage.command
    assert stage.args == built.command(f"handover:{back.metadata.name}", "/dev/termination-log")
    assert stage.image_pull_policy == "IfNotPresent"
    assert stage.env_from[0].secret_ref.name == "lake"
    assert stage.env_from[1].config_map_ref.name == "addresses"
    amounts = {"cpu": "2.5", "memory": "4096Mi", "ephemeral-storage": "10Gi", "nvidia.com/gpu": "1"}
    assert stage.resources.limits == stage.resources.requests == amounts
    assert stage.termination_message_policy == "FallbackToLogsOnError"
    values = {variable.name: variable.value for variable in stage.env}
    assert json.loads(unpack(values[VARIABLE])) == built.payload
    own = {"AIRWORTHY_ENV", "AIRWORTHY_STATE", CONTENT, DIGEST_VARIABLE}
    assert set(values) == {VARIABLE, *own}


@pytest.mark.parametrize("own", [None, {"runAsNonRoot": False}])
def test_a_pod_meets_the_standard_restricted_unless_it_is_told_otherwise(
    call: Callable[..., StageCall], tmp_path: Path, own: dict[str, Any] | None
) -> None:
    """The settings win over the defaults, and so does a template that says something itself."""
    container = {"name": "base", "image": "replaced"}
    template = {"kind": "Pod", "spec": {"containers": [container]}}
    if own is not None:
        template["spec"] = {"containers": [container], "securityContext": own}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(template), encoding="utf-8")
    operator = KubernetesRunner(call("kubernetes", pod_template="pod.yaml")).operator()
    pod = ApiClient().sanitize_for_serialization(operator.build_pod_request_obj(dry_run=True))
    expected = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["spec"]["securityContext"] == (own or expected)
    security = pod["spec"]["containers"][0]["securityContext"]
    assert security == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize("stage", [*STAGES, *OPERATIONS])
def test_every_stage_is_a_pod_that_the_cluster_takes(
    call: Callable[..., StageCall], stage: str
) -> None:
    """A name of DNS, the stage's command, its limits; Kubernetes' own models read it back."""
    own = {stage: {"cpus": 0.5, "memory_mib": 700}}
    operator = KubernetesRunner(call("kubernetes", stage=stage, resources=own)).operator()
    sent = ApiClient().sanitize_for_serialization(operator.build_pod_request_obj(dry_run=True))
    pod = ApiClient().deserialize(SimpleNamespace(data=json.dumps(sent)), "V1Pod")
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", pod.metadata.name)
    (container,) = pod.spec.containers
    assert stage in container.args
    assert not container.command
    assert container.resources.limits == {"cpu": "0.5", "memory": "700Mi"}
    assert container.security_context.allow_privilege_escalation is False
    assert pod.spec.security_context.run_as_non_root is True
    labels = sent["metadata"]["labels"]
    assert (labels["airworthy.model"], labels["airworthy.stage"]) == ("delivery_eta", stage)


def test_without_secrets_a_pod_gets_the_addresses_from_its_caller(
    call: Callable[..., StageCall],
) -> None:
    """It reads the same environment file, and needs its variables."""
    operator = KubernetesRunner(call("kubernetes")).operator()
    assert isinstance(operator.env_vars, dict)
    assert operator.env_vars["AIRWORTHY_TRACKING_URI"] == "postgresql://user:db-word@db/mlflow"


@pytest.mark.parametrize(
    ("pod", "code"),
    [
        ({"containerStatuses": [{"name": "base", "state": {"terminated": {"exitCode": 75}}}]}, 75),
        (
            {
                "containerStatuses": [
                    {"name": "airflow-xcom-sidecar", "state": {"terminated": {"exitCode": 1}}}
                ]
            },
            None,
        ),
        (
            {
                "containerStatuses": [
                    {"name": "base", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
                ]
            },
            None,
        ),
        ({"phase": "Failed", "reason": "Evicted"}, None),
    ],
    ids=["the stage's own", "the sidecar's is not the stage's", "never started", "evicted"],
)
def test_a_pods_exit_code_is_that_of_the_stage(pod: dict[str, Any], code: int | None) -> None:
    """As Kubernetes answers; a pod without one may be tried again."""
    for status in pod.get("containerStatuses", []):
        status.update(image="i", imageID="i", ready=False, restartCount=0)
    answer = SimpleNamespace(data=json.dumps({"apiVersion": "v1", "kind": "Pod", "status": pod}))
    assert exit_code_of(ApiClient().deserialize(answer, "V1Pod"), "base") == code
    assert exit_code_of(None, "base") is None
