"""``airworthy render`` and ``apply``, with the real kubectl and a stand-in of the API server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.kubernetes.kubectl import Kubectl
from airworthy.kubernetes.manifests import in_order, objects_of, parse_images, parts_of, render
from airworthy.kubernetes.rollout import LastingFaults, apply_manifests, wait_for_rollout
from airworthy.kubernetes.workloads import Progress

from .api_server import Cluster, running_cluster
from .controllers import READY, come_up, pod_event
from .overlays import PROJECT, rendered

pytestmark = pytest.mark.usefixtures("kubectl")
DEV = PROJECT / "infra/kubernetes/model_server/overlays/dev"
AT_ONCE = LastingFaults(after=0.0)
NO_WAIT = timedelta(0)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster that kubectl reaches."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with running_cluster(tmp_path) as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig))
        yield running


def wait(told: list[str], timeout: timedelta = NO_WAIT) -> list[Progress]:
    """Wait for the rollout of the model servers of dev."""
    return wait_for_rollout(
        Kubectl(), rendered(DEV), timeout, told.append, LastingFaults(after=0.0)
    )


def test_all_objects_are_applied_on_the_servers_side(cluster: Cluster) -> None:
    """Namespace first, each by the field manager of Airworthy, each field checked by the server.

    What the cluster warns of is told.
    """
    cluster.warnings["Deployment"] = "would violate PodSecurity restricted"
    lines = apply_manifests(Kubectl(), rendered(DEV))
    applied = {(each["kind"], each["metadata"]["name"]) for each in cluster.objects.values()}
    assert applied == {(o["kind"], o["metadata"]["name"]) for o in objects_of(rendered(DEV))}
    patches = [each for each in cluster.requests if each.startswith("PATCH")]
    assert "/api/v1/namespaces/airworthy-dev?" in patches[0]
    assert all("fieldManager=airworthy&fieldValidation=Strict&force=false" in p for p in patches)
    assert lines[0] == "namespace/airworthy-dev serverside-applied"
    assert lines[-1] == "Warning: would violate PodSecurity restricted"


def test_the_command_ends_when_all_pods_are_ready(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how many are up; the second time nothing is made."""
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(PROJECT))
    apply_manifests(Kubectl(), rendered(DEV))
    come_up(cluster, READY)
    words = ["apply", "--env", "dev", "--part", "model_server", "--timeout", "0"]
    # An applied Deployment is seen anew by its controller.
    cluster.objects["deployments", "airworthy-dev", "model-server"]["status"][
        "observedGeneration"
    ] = 2
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert result.stdout == "dev: 1 workloads with 1 pods are up\n"


def test_what_does_not_come_up_is_told_with_its_reason_and_the_next_step(cluster: Cluster) -> None:
    """A readiness probe that fails, and never a bare timeout."""
    apply_manifests(Kubectl(), rendered(DEV))
    status = {**READY, "conditions": [{"type": "Ready", "status": "False"}]}
    come_up(cluster, status)
    message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    cluster.put("events", pod_event("Unhealthy", message))
    cluster.log = "starting\nmlflow does not answer\n"
    told: list[str] = []
    with pytest.raises(TerminalError) as raised:
        wait(told)
    assert raised.value.problem == (
        "Deployment model-server does not come up within 0 s: pod model-server-7f-x1 runs and is not "
        "ready: Readiness probe failed: HTTP probe failed with statuscode: 503"
    )
    assert raised.value.received == "its log: starting\nits log: mlflow does not answer"
    assert raised.value.next_step == "kubectl logs --namespace airworthy-dev model-server-7f-x1"
    assert told[0].startswith("Deployment model-server: 0 of 1 ready; pod model-server-7f-x1 runs")


def test_a_fault_that_lasts_ends_the_waiting_early(cluster: Cluster) -> None:
    """A missing Secret is told long before the end of the time."""
    apply_manifests(Kubectl(), rendered(DEV))
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "airworthy" not found'}
    container = {"name": "server", "image": "airworthy-server:0.3.0", "state": {"waiting": waiting}}
    come_up(cluster, {"phase": "Pending", "containerStatuses": [container]})
    with pytest.raises(TerminalError) as raised:
        wait([], timedelta(hours=1))
    assert raised.value.problem == (
        "Deployment model-server does not come up: pod model-server-7f-x1: there is no Secret "
        "airworthy in airworthy-dev"
    )
    assert raised.value.next_step == (
        "kubectl create secret generic airworthy --namespace airworthy-dev --from-env-file=FILE"
    )


def test_pods_that_are_not_even_made_are_told(cluster: Cluster) -> None:
    """A quota or a policy refuses them: there is no pod to look at."""
    apply_manifests(Kubectl(), rendered(DEV))
    come_up(cluster, {})
    message = 'pods "model-server-7f-" is forbidden: exceeded quota: all, requested: cpu=1'
    failure = {"type": "ReplicaFailure", "status": "True", "message": message}
    come_up(cluster, {}, conditions=[failure], updatedReplicas=0)
    with pytest.raises(
        TerminalError, match=r"no pod can be made: pods .* exceeded quota"
    ) as raised:
        wait([], timedelta(hours=1))
    assert "raise the ResourceQuota" in str(raised.value.next_step)


def test_an_older_version_that_still_runs_is_waited_for(cluster: Cluster) -> None:
    """The new pod is ready, and the old one is not gone yet: the rollout is not over."""
    apply_manifests(Kubectl(), rendered(DEV))
    come_up(cluster, READY, replicas=2)
    with pytest.raises(TerminalError, match="within 0 s: pods are being started or ended"):
        wait([])
    come_up(cluster, READY)
    (state,) = wait([])
    assert (state.done, state.wanted, state.fault) == (1, 1, None)


@pytest.mark.parametrize(
    ("path", "answer", "error", "problem"),
    [
        ("/deployments/", (403, "deployments.apps is forbidden: no right"), TerminalError,
         "this login may not do that in the cluster"),
        ("/deployments/", (403, 'exceeded quota: all, requested: pods=1'), TerminalError,
         "a quota of the namespace is used up"),
        ("/", (401, "Unauthorized"), TerminalError, "the cluster does not know this login"),
        ("/services/", (409, "Apply failed with 1 conflict: conflict with \"kubectl-edit\": .spec.ports"),
         TerminalError, "somebody else has set fields of these objects"),
        ("/deployments/", (422, "Deployment.apps is invalid: spec.selector: field is immutable"),
         TerminalError, "the cluster does not take the manifests"),
        ("/configmaps/", (403, "unable to create new content in namespace airworthy-dev because it "
         "is being terminated"), TransientError, "the namespace is being deleted"),
        ("/services/", (404, 'namespaces "airworthy-dev" not found'), TerminalError,
         "the cluster does not have the namespace"),
        ("/deployments/", (400, 'admission webhook "policy" denied the request: no'), TerminalError,
         "a policy of the cluster refuses the manifests"),
    ],
)  # fmt: skip
def test_each_refusal_of_the_cluster_has_a_sentence(
    cluster: Cluster, path: str, answer: tuple[int, str], error: type[AirworthyError], problem: str
) -> None:
    """The cluster's own words stand below it."""
    cluster.refusals[path] = answer
    with pytest.raises(error) as raised:
        apply_manifests(Kubectl(), rendered(DEV))
    assert raised.value.problem == problem
    if answer[0] != 401:
        assert answer[1][:20] in str(raised.value.received)


def test_a_kind_that_the_cluster_does_not_know_is_told(cluster: Cluster) -> None:
    """A ServiceMonitor needs Prometheus' operator; the part can be left out."""
    monitor = "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {}\n"
    with pytest.raises(TerminalError, match="does not know a kind of the manifests") as raised:
        apply_manifests(Kubectl(), monitor)
    assert "ServiceMonitor" in str(raised.value.received)


def test_a_cluster_that_does_not_answer_may_be_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 75: nothing is wrong with the manifests."""
    with running_cluster(tmp_path) as gone:
        monkeypatch.setenv("KUBECONFIG", str(gone.kubeconfig))
        monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(TransientError, match="the cluster does not answer"):
        apply_manifests(Kubectl(), rendered(DEV))
    with pytest.raises(TerminalError, match="the kubeconfig has no such context"):
        apply_manifests(Kubectl("elsewhere"), rendered(DEV))


def test_without_kubectl_a_person_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both commands need it, and say where it is."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TerminalError, match="kubectl is not installed"):
        render(DEV)


def test_manifests_are_printed_or_written_with_other_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file a part; an image is named by tag or digest."""
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(PROJECT))
    image = f"registry.example.org:5000/ml/server@sha256:{'0a' * 32}"
    words = [
        "render",
        "--env",
        "dev",
        "--part",
        "model_server",
        "--image",
        f"airworthy-server={image}",
    ]
    printed = CliRunner().invoke(app, words)
    assert printed.stdout.count(f"image: {image}\n") == 2
    written = CliRunner().invoke(app, [*words, "--output", str(tmp_path / "out")])
    assert written.stdout == f"{tmp_path}/out/model_server.yaml: 7 objects\n"
    text = (tmp_path / "out/model_server.yaml").read_text("utf-8")
    assert objects_of(text) == objects_of(printed.stdout)


@pytest.mark.parametrize(
    "pair", ["airworthy-server", "airworthy-server=", "=a:1", "airworthy-server=a", "a=b:1 c"]
)
def test_an_image_without_a_version_is_refused(pair: str) -> None:
    """A tag `latest` would be another image tomorrow."""
    with pytest.raises(TerminalError, match="this names no image"):
        parse_images([pair])


def test_namespaces_are_applied_before_what_is_in_them() -> None:
    """Parts come in the order of their names, and one of them has the namespace."""
    first = "kind: Service\nmetadata: {name: a}\n"
    objects = objects_of(in_order([first, rendered(DEV)]))
    assert [each["kind"] for each in objects][:2] == ["Namespace", "Service"]
    assert len(objects) == 1 + len(objects_of(rendered(DEV)))


def test_an_environment_or_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Those that are there are named with it."""
    with pytest.raises(TerminalError, match="no such environment") as raised:
        parts_of(PROJECT, "prod")
    assert raised.value.allowed == "dev, production, staging"
    with pytest.raises(TerminalError, match="no such part"):
        parts_of(PROJECT, "dev", ["model-server"])
    with pytest.raises(TerminalError, match="this project has no manifests"):
        parts_of(tmp_path, "dev")


def test_an_overlay_that_kustomize_refuses_is_named(tmp_path: Path) -> None:
    """The file to correct is in the message."""
    shutil.copytree(PROJECT / "infra/kubernetes/model_server", tmp_path / "model_server")
    overlay = tmp_path / "model_server/overlays/dev"
    (overlay / "settings.env").unlink()
    with pytest.raises(TerminalError, match="cannot render this overlay") as raised:
        render(overlay)
    assert "settings.env" in str(raised.value.received)
