"""Stages in pods, against a stand-in of Kubernetes' API server and with the provider's real client.

Each death of a pod and each refusal of the cluster has the sentence that a user reads.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from airworthy.cli.container_call import short_error
from airworthy.environment import load_environment
from airworthy.errors import (
    AirworthyError,
    TerminalError,
    TerminalPlaceError,
    TransientError,
    TransientPlaceError,
    UnfitDataError,
)
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AlertRaised
from airworthy.ledger.ledger_queries import of_kind
from airworthy.stage_results import write_result
from airworthy_airflow.assets import day_asset
from airworthy_airflow.operators import IngestOperator, ValidateOperator
from airworthy_airflow.runners.kubernetes_runner import KubernetesRunner
from airworthy_airflow.runners.pod_specification import INPUT
from airworthy_airflow.runners.stage_call import StageCall

from .kubernetes_api import (
    RUNNING,
    Cluster,
    container,
    ended,
    running_cluster,
    waiting,
    write_kubeconfig,
)
from .stage_calls import RUN, make_call, task_context
from .test_operators import context as run_context

NO_ROOM = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient memory"}
RESULT = {"model": "delivery_eta", "bundle_uri": "s3://elsewhere/bundle"}
TEMPLATE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "spec": {"containers": [{"name": "base", "image": "replaced"}]},
}

STAGE_PODS = Path(__file__).resolve().parents[2] / "infra" / "kubernetes" / "stage_pods"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster in which a stage ends well."""
    with running_cluster(Cluster(states=[RUNNING, ended(0)])) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose connection leads to the cluster, with a lake that its pods write to."""
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    monkeypatch.setenv("AIRWORTHY_ENV", "contained")
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", "postgresql://user:db-password@db/mlflow")
    monkeypatch.setenv("AIRWORTHY_TEST_KEY", "key-of-the-source")
    for name in ("AIRWORTHY_SERVER_URL", "AIRWORTHY_SERVER_TOKEN", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    config = write_kubeconfig(tmp_path / "kubeconfig", cluster.url)
    connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(config)}}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps(connection))
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(TEMPLATE), encoding="utf-8")
    return tmp_path


def call_in(project: Path, **settings: Any) -> StageCall:
    """A call whose lake is on a volume of all pods."""
    given = {"pod_template": "pod.yaml", "deferrable": False, **settings}
    return make_call(project, "kubernetes", lake=str(project / "lake"), **given)


def deferrable_call(project: Path, **settings: Any) -> StageCall:
    """A call whose task waits in the triggerer."""
    call = call_in(project, deferrable=True, **settings)
    return StageCall(call.task_id, call.stage, call.payload, call.environment, may_defer=True)


def leave_result(pod: dict[str, Any]) -> None:
    """Do what the stage in a pod does: write its result beside the lake."""
    arguments = pod["spec"]["containers"][0]["args"]
    name = arguments[arguments.index("--output") + 1].removeprefix("handover:")
    write_result(load_environment(), RUN, name, RESULT)


def error_of(call: StageCall, **tries: int) -> AirworthyError:
    """Run the stage and return its error."""
    with pytest.raises(AirworthyError) as failure:
        KubernetesRunner(call).run(task_context(**tries))
    return failure.value


def test_a_stage_in_a_pod_hands_its_result_over_by_the_lake(
    project: Path, cluster: Cluster
) -> None:
    """One container, no sidecar; neither the pod nor the file is left."""
    cluster.on_create = leave_result
    assert KubernetesRunner(call_in(project)).run(task_context()) == RESULT
    (pod,) = cluster.created
    assert [each["name"] for each in pod["spec"]["containers"]] == ["base"]
    assert cluster.pods == {}
    assert list((project / "lake").rglob("*.json")) == []


def test_a_stop_before_the_pod_exists_lets_none_begin(project: Path, cluster: Cluster) -> None:
    """Before the run, and while the API server creates the pod; nothing of it is left."""
    early = KubernetesRunner(call_in(project))
    early.stop()
    with pytest.raises(TransientPlaceError, match="the task was ended"):
        early.run(task_context())
    assert cluster.created == []
    late = KubernetesRunner(call_in(project))
    cluster.on_create = lambda _: late.stop()
    with pytest.raises(TransientPlaceError, match="the task was ended"):
        late.run(task_context())
    assert len(cluster.created) == 1
    assert cluster.pods == {}


def test_only_a_killed_workers_pod_with_the_same_image_and_input_is_taken_up(
    project: Path, cluster: Cluster
) -> None:
    """Any other pod of the task is removed, and the stage begins anew."""
    call = call_in(project)
    cluster.on_create = leave_result
    KubernetesRunner(call).run(task_context())
    (old,) = cluster.created
    cluster.on_create = lambda _: None

    def run_beside(try_number: int, max_tries: int, **changes: Any) -> str:
        pod = json.loads(json.dumps(old))
        pod["status"] = {"phase": "Running"}
        pod["metadata"]["annotations"].update(changes.get("annotations", {}))
        pod["spec"]["containers"][0].update(changes.get("container", {}))
        cluster.put(pod)
        cluster.states[:] = [RUNNING, ended(0)]
        leave_result(pod)
        cluster.on_create = leave_result
        before = len(cluster.created)
        KubernetesRunner(call).run(task_context(try_number, max_tries))
        assert cluster.pods == {}
        return "taken up" if len(cluster.created) == before else "anew"

    assert run_beside(2, 2) == "taken up"
    assert run_beside(2, 3) == "anew", "a cleared task begins anew"
    assert run_beside(2, 2, annotations={INPUT: "another"}) == "anew"
    assert run_beside(2, 2, container={"image": "airworthy:2"}) == "anew"


def test_a_pod_waits_in_the_triggerer_and_holds_no_worker(project: Path, cluster: Cluster) -> None:
    """The trigger sees the end, and the second execution fetches the result."""
    call = deferrable_call(project)
    cluster.on_create = leave_result
    with pytest.raises(TaskDeferred) as deferred:
        KubernetesRunner(call).run(task_context())
    assert deferred.value.method_name == "execute_complete"
    trigger = deferred.value.trigger
    path, arguments = trigger.serialize()
    assert path == "airworthy_airflow.runners.pod_trigger.StagePodTrigger"
    assert "db-password" not in json.dumps(arguments, default=str)
    event = asyncio.run(anext(type(trigger)(**arguments).run())).payload
    assert event["status"] == "success"
    assert KubernetesRunner(call).resume(task_context(), event) == RESULT
    assert cluster.pods == {}


def test_the_role_of_airflow_allows_what_it_asks_for_and_no_more(
    project: Path, cluster: Cluster
) -> None:
    """A run in a worker and one in the triggerer, a pod of before, and one that finds no room."""
    cluster.on_create = leave_result
    KubernetesRunner(call_in(project)).run(task_context())
    cluster.put(cluster.created[0])
    cluster.log[:] = ["one line"]
    cluster.states[:] = [RUNNING, ended(0)]
    with pytest.raises(TaskDeferred) as deferred:
        KubernetesRunner(deferrable_call(project)).run(task_context())
    event = asyncio.run(anext(deferred.value.trigger.run())).payload
    KubernetesRunner(call_in(project)).resume(task_context(), event)
    cluster.states[:] = [{"phase": "Pending", "conditions": [NO_ROOM]}]
    error_of(call_in(project, startup_timeout="1s"))
    (role, _) = yaml.safe_load_all((STAGE_PODS / "role.yaml").read_text("utf-8"))
    allowed = {
        (resource, verb)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert cluster.asked == allowed


def test_a_task_that_is_ended_takes_its_pod_along(project: Path, cluster: Cluster) -> None:
    """While the worker looks at it, and while the triggerer does."""
    runner = KubernetesRunner(call_in(project))
    cluster.states[:] = [RUNNING]
    cluster.on_look = runner.stop
    with pytest.raises(TransientPlaceError, match="the task was ended"):
        runner.run(task_context())
    assert cluster.pods == {}
    cluster.on_look = lambda: None
    with pytest.raises(TaskDeferred) as deferred:
        KubernetesRunner(deferrable_call(project)).run(task_context())
    assert len(cluster.pods) == 1
    asyncio.run(deferred.value.trigger.on_kill())
    assert cluster.pods == {}


def test_a_trigger_that_fails_loses_no_running_pod(project: Path, cluster: Cluster) -> None:
    """The task waits again, and after three times it says what happened."""
    call = deferrable_call(project)
    cluster.states[:] = [RUNNING]
    with pytest.raises(TaskDeferred) as deferred:
        KubernetesRunner(call).run(task_context())
    name = deferred.value.trigger.pod_name
    event = {"status": "error", "name": name, "namespace": "ml", "message": "503"}
    with pytest.raises(TaskDeferred) as again:
        KubernetesRunner(call).resume(task_context(), event)
    assert again.value.trigger.trigger_kwargs["_redefer_count"] == 1
    assert list(cluster.pods) == [name]
    with pytest.raises(TransientPlaceError, match="the triggerer lost sight of the pod"):
        KubernetesRunner(call).resume(task_context(), {**event, "_redefer_count": 3})
    assert cluster.pods == {}


def test_the_triggerer_ends_a_pod_that_finds_no_room(project: Path, cluster: Cluster) -> None:
    """After the time to start; the scheduler's words are told."""
    call = deferrable_call(project, startup_timeout="1s")
    cluster.states[:] = [{"phase": "Pending", "conditions": [NO_ROOM]}]
    with pytest.raises(TaskDeferred) as deferred:
        KubernetesRunner(call).run(task_context())
    event = asyncio.run(anext(deferred.value.trigger.run())).payload
    with pytest.raises(TransientPlaceError, match="no node had room") as failure:
        KubernetesRunner(call).resume(task_context(), event)
    assert "Insufficient memory" in str(failure.value.received)


DATASET: Any = {
    "model": "delivery_eta",
    "table": "s3://lake/delivery_eta/data",
    "version": 1,
    "window": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-20T00:00:00Z"},
    "partitions": {},
    "rows": 9,
    "quarantined": 0,
    "digest": "d",
}


def test_only_the_stages_own_no_is_told_as_unfit_data(
    project: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that refuses the pod says nothing about the data, and the next failure is told."""
    models = Path(__file__).resolve().parents[2] / "include" / "models"
    monkeypatch.setenv("AIRWORTHY_MODELS", str(models))
    deferrable_call(project)
    given: Any = {**task_context(), **run_context(as_of="2026-03-20"), "ti": task_context()["ti"]}
    given["ti"].log_url = "http://task"
    cluster.refusals = [(404, 'namespaces "ml" not found')]

    def operator() -> ValidateOperator:
        return ValidateOperator(task_id="train", model="delivery_eta", inputs={"dataset": DATASET})

    with pytest.raises(AirflowFailException, match="there is no namespace ml"):
        operator().execute(given)
    ledger = open_ledger(load_environment(), "delivery_eta")
    assert list(of_kind(ledger.entries(), AlertRaised)) == []
    unfit = UnfitDataError("1 critical check(s) of the data failed", received="nulls(km)")
    cluster.states[:] = [RUNNING, ended(1, message=short_error(unfit))]
    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(given)
    event = asyncio.run(anext(deferred.value.trigger.run())).payload
    with pytest.raises(AirflowFailException, match="critical check"):
        operator().execute_complete(given, event)
    (entry,) = of_kind(ledger.entries(), AlertRaised)
    assert "nulls(km)" in str(entry.event.alert)


def test_a_task_that_waits_tells_nothing_yet(
    project: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ingest's findings are told at its end, and its asset has no event before."""
    models = Path(__file__).resolve().parents[2] / "include" / "models"
    monkeypatch.setenv("AIRWORTHY_MODELS", str(models))
    deferrable_call(project)
    cluster.states[:] = [RUNNING]
    given: Any = {**task_context(), **run_context(as_of="2026-03-20"), "ti": task_context()["ti"]}
    operator = IngestOperator(task_id="ingest", model="delivery_eta")
    with pytest.raises(TaskDeferred):
        operator.execute(given)
    assert [outlet.uri for outlet in operator.outlets] == [day_asset("delivery_eta").uri]


def test_the_triggerer_gives_up_on_a_pod_that_can_never_start(
    project: Path, cluster: Cluster
) -> None:
    """Its Secret is missing: nobody waits for the time to start."""
    call = deferrable_call(project, secrets=["airworthy"])
    cluster.states[:] = [waiting("CreateContainerConfigError", 'secret "airworthy" not found')]
    with pytest.raises(TaskDeferred) as deferred:
        KubernetesRunner(call).run(task_context())
    event = asyncio.run(anext(deferred.value.trigger.run())).payload
    with pytest.raises(TerminalPlaceError, match='secret "airworthy" not found'):
        KubernetesRunner(call).resume(task_context(), event)
    assert cluster.pods == {}


POD = {"phase": "Failed"}
TAKEN = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
DEATHS = [
    ({"gone": True}, TransientPlaceError, "the pod was deleted before the stage was done"),
    ({**POD, "reason": "Evicted", "message": "low on memory"}, TransientPlaceError, "evicted the pod"),
    ({**POD, "reason": "DeadlineExceeded"}, TerminalPlaceError, "longer than its deadline of 2h"),
    ({**POD, "reason": "OutOfcpu"}, TransientPlaceError, "the node did not take the pod"),
    ({**POD, "reason": "NodeShutdown"}, TransientPlaceError, "node went away"),
    ({**ended(137), "conditions": [TAKEN]}, TransientPlaceError, "one of a higher priority"),
    (ended(137, "OOMKilled"), TerminalPlaceError, "more memory than its limit of 4096Mi"),
    (ended(137), TransientPlaceError, "the container was killed"),
    (ended(143), TransientPlaceError, "ended from outside"),
    (ended(2), TerminalPlaceError, "does not know the stage's command"),
    (ended(128, "StartError", "exec: tini"), TerminalPlaceError, "cannot start the stage's command"),
    (ended(1, message="No module named airworthy"), TerminalPlaceError, "No module named airworthy"),
    (ended(139, message="Fatal Python error"), TransientPlaceError, "Fatal Python error"),
    (ended(0, "Completed"), TransientPlaceError, "left no result beside the lake"),
    (waiting("InvalidImageName"), TerminalPlaceError, "cannot be used"),
    (waiting("ErrImagePull", "airworthy:1: not found"), TerminalPlaceError, "cannot be pulled"),
    (waiting("ImagePullBackOff", "dial tcp: no such host"), TransientPlaceError, "cannot be pulled"),
    (waiting("CreateContainerConfigError", "secret s not found"), TerminalPlaceError, "secret s not"),
    (waiting("CreateContainerConfigError", "image has non-numeric user"), TransientPlaceError, "user"),
    (waiting("ContainerCreating"), TransientPlaceError, "did not start within 1s"),
    ({"phase": "Pending", "conditions": [NO_ROOM]}, TransientPlaceError, "no node had room"),
    (
        {**POD, "initContainerStatuses": [container({"terminated": {"exitCode": 3}}, "prepare")]},
        TransientPlaceError,
        "init container prepare ended with 3",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "words"), DEATHS, ids=[each[2] for each in DEATHS])
def test_each_death_of_a_pod_is_told_in_one_sentence(
    project: Path, cluster: Cluster, status: dict[str, Any], kind: type, words: str
) -> None:
    """It is a fault of the place, with a next step. What a retry meets again is final."""
    cluster.states[:] = [status]
    settings = {"startup_timeout": "1s", "deadline": "2h"}
    limits = {"resources": {"default": {"memory_mib": 4096}}}
    error = error_of(call_in(project, **settings, **limits))
    assert type(error) is kind
    assert words in error.problem
    assert "\n" not in error.problem
    assert error.next_step
    assert cluster.pods == {}


def test_a_volume_that_is_missing_is_named_by_the_pods_events(
    project: Path, cluster: Cluster
) -> None:
    """The pod itself only says that it is being created."""
    cluster.states[:] = [waiting("ContainerCreating")]
    cluster.events = [("FailedMount", 'MountVolume.SetUp failed: persistentvolumeclaim "lake"')]
    error = error_of(call_in(project, startup_timeout="1s"))
    assert error.problem == "a volume of the pod cannot be mounted"
    assert "persistentvolumeclaim" in str(error.received)


@pytest.mark.parametrize(
    "kind", [UnfitDataError, TerminalError, TransientError, TerminalPlaceError]
)
def test_the_stages_own_answer_comes_back_as_it_was_given(
    project: Path, cluster: Cluster, kind: type[AirworthyError]
) -> None:
    """Its kind, words and next step, whatever a library wrote last."""
    told = kind(
        "too few rows: é", model="delivery_eta", received="12" * 5000, next_step="wait a day"
    )
    line = short_error(told)
    assert len(line) <= 4096
    code = 75 if kind is TransientError else 1
    cluster.states[:] = [ended(code, message=f"{line}\nlibrary: shutting down")]
    error = error_of(call_in(project))
    assert type(error) is kind
    assert (error.problem, error.next_step) == ("too few rows: é", "wait a day")


QUOTA = "exceeded quota: compute, requested: limits.memory={0}Gi, used: limits.memory=7Gi, limited: limits.memory=8Gi"
REFUSALS = [
    (404, 'namespaces "ml" not found', TerminalPlaceError, "there is no namespace ml"),
    (403, QUOTA.format(9), TerminalPlaceError, "more limits.memory than the namespace's quota"),
    (403, QUOTA.format(2), TransientPlaceError, "quota compute is used up"),
    (403, "failed quota: q: must specify limits.cpu", TerminalPlaceError, "limits.cpu"),
    (
        403,
        'pods "p" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
        TerminalPlaceError,
        "Pod Security Standard restricted:latest",
    ),
    (
        403,
        'User "system:serviceaccount:airflow:worker" cannot create resource "pods" in API group ""',
        TerminalPlaceError,
        "has not the right to run pods",
    ),
    (
        403,
        'error looking up service account ml/stage: serviceaccount "stage" not found',
        TerminalPlaceError,
        "no service account ml/stage",
    ),
    (403, "no PriorityClass with name high was found", TerminalPlaceError, "PriorityClass high"),
    (403, "namespace ml because it is being terminated", TerminalPlaceError, "being deleted"),
    (
        403,
        "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        TerminalPlaceError,
        "LimitRange",
    ),
    (401, "Unauthorized", TerminalPlaceError, "does not accept the credentials"),
    (422, "spec.containers[0].image: Required value", TerminalPlaceError, "refuses the pod"),
    (500, 'failed calling webhook "policy": timeout', TransientPlaceError, "does not answer as it"),
]


@pytest.mark.parametrize(
    ("status", "message", "kind", "words"), REFUSALS, ids=[each[3] for each in REFUSALS]
)
def test_a_refused_pod_is_a_fault_of_the_place(
    project: Path, cluster: Cluster, status: int, message: str, kind: type, words: str
) -> None:
    """It is told by the API server's own words, and never as unfit data."""
    cluster.refusals = [(status, message)] * 9
    error = error_of(call_in(project, startup_timeout="1s"))
    assert type(error) is kind
    assert words in error.problem
    assert error.next_step


def test_a_quota_that_gets_room_lets_the_pod_in(project: Path, cluster: Cluster) -> None:
    """A nightly run waits for other pods, and does not fail."""
    cluster.refusals = [(403, QUOTA.format(2)), (409, "cannot be fulfilled on resourcequotas")]
    cluster.on_create = leave_result
    call = call_in(project, startup_timeout="3s")
    assert KubernetesRunner(call).run(task_context()) == RESULT


def test_a_lost_answer_makes_no_second_pod(project: Path, cluster: Cluster) -> None:
    """The pod that was created is the one that is watched."""
    cluster.loses_answers = True
    cluster.on_create = leave_result
    call = call_in(project, startup_timeout="1s")
    assert KubernetesRunner(call).run(task_context()) == RESULT
    assert len(cluster.created) == 1
    assert cluster.pods == {}


def test_no_secret_reaches_the_log_when_a_pod_is_refused(
    project: Path, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the specification nor the API server's words show a value."""
    caplog.set_level(logging.INFO)
    cluster.refusals = [(422, "Invalid value: key-of-the-source")]
    error = error_of(call_in(project, variables=["AIRWORTHY_TEST_KEY"]))
    told = caplog.text + str(error)
    assert "key-of-the-source" not in told
    assert "db-password" not in told


def test_a_cluster_out_of_reach_may_come_back(project: Path, cluster: Cluster) -> None:
    """A connection that is not there does not."""
    with running_cluster(Cluster()) as gone:
        write_kubeconfig(project / "kubeconfig", gone.url)
    error = error_of(call_in(project, startup_timeout="1s"))
    assert isinstance(error, TransientPlaceError)
    assert "the cluster does not answer" in error.problem
    missing = error_of(call_in(project, connection="nowhere"))
    assert isinstance(missing, TerminalPlaceError)
    assert "no way to the cluster" in missing.problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("a: [", "is not YAML"),
        ("kind: Deployment", "is no Pod"),
        ("kind: Pod\nspec: {}", "Pod"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(
    project: Path, content: str | None, words: str
) -> None:
    """It is never ignored. A relative path is below the project's folder."""
    (project / "pod.yaml").unlink()
    if content is not None:
        (project / "pod.yaml").write_text(content, encoding="utf-8")
    error = error_of(call_in(project))
    assert isinstance(error, TerminalPlaceError)
    assert words in error.problem
    assert str(project / "pod.yaml") in str(error.received)


@pytest.mark.parametrize(
    ("settings", "uri", "words"),
    [
        ({"pod_template": None}, "http://mlflow", "the lake is a folder of this machine"),
        ({}, "http://127.0.0.1:5000", "tracking_uri is an address of this machine"),
        (
            {"environment": {"AIRWORTHY_TRACKING_URI": "http://[::1]:1"}},
            "http://mlflow",
            "tracking",
        ),
        (
            {"stage": "rollout", "environment": {"AIRWORTHY_SERVER_URL": "http://localhost:8000"}},
            "http://mlflow",
            "server_url is an address of this machine",
        ),
    ],
)
def test_an_address_of_this_machine_is_refused_before_there_is_a_pod(
    project: Path,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    uri: str,
    words: str,
) -> None:
    """It names the key, and what to write instead."""
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", uri)
    error = error_of(call_in(project, **settings))
    assert words in error.problem
    assert cluster.created == []
