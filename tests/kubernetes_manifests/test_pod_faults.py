"""Each way in which a pod does not come up, with the sentence that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from airworthy.kubernetes.pod_faults import pod_fault
from airworthy.kubernetes.workloads import Workload, progress_of

from .controllers import POD, READY, pod, pod_event

IMAGE = "registry.example.org/airworthy-server:0.3.0"


def container(state: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return a pod's status with one container."""
    one = {"name": "server", "image": IMAGE, "restartCount": 0, "ready": False, "state": state}
    return {"phase": "Running", "containerStatuses": [{**one, **more}]}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """Return the status of a pod whose container waits."""
    return container({"waiting": {"reason": reason, "message": message}})


def ended(reason: str, code: int, message: str = "", restarts: int = 3) -> dict[str, Any]:
    """Return the status of a pod whose container ended, and waits for its restart."""
    last = {"terminated": {"reason": reason, "exitCode": code, "message": message}}
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting"}}
    return container(state, lastState=last, restartCount=restarts)


def unscheduled(message: str) -> dict[str, Any]:
    """Return the status of a pod without a node."""
    condition = {"type": "PodScheduled", "status": "False", "message": message}
    return {"phase": "Pending", "conditions": [{**condition, "reason": "Unschedulable"}]}


STARTING = {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}]}


@pytest.mark.parametrize(
    ("status", "events", "sentence", "next_step", "lasts"),
    [
        (unscheduled("0/3 nodes are available: 3 Insufficient memory."), [],
         "fits on no node: 0/3 nodes are available: 3 Insufficient memory.", "add a node", False),
        (unscheduled("pod has unbound immediate PersistentVolumeClaims."), [],
         "waits for its volume: pod has unbound", "StorageClass", False),
        (waiting("ImagePullBackOff", 'Back-off pulling image "x"'), [],
         f": the image {IMAGE} of server cannot be pulled: Back-off pulling", "--image", True),
        (waiting("ErrImageNeverPull"), [], "cannot be pulled: ErrImageNeverPull", "import it", True),
        (waiting("InvalidImageName", "couldn't parse image name"), [],
         "cannot be pulled: couldn't parse", "--image", True),
        (waiting("CreateContainerConfigError", 'secret "airworthy-clients" not found'), [],
         ": there is no Secret airworthy-clients in airworthy-dev",
         "kubectl create secret generic airworthy-clients --namespace airworthy-dev", True),
        (waiting("CreateContainerConfigError", 'configmap "airworthy-1" not found'), [],
         ": there is no ConfigMap airworthy-1 in airworthy-dev", "apply again", True),
        (waiting("CreateContainerConfigError", "container has runAsNonRoot and image has "
                 "non-numeric user (airworthy), cannot verify user is non-root"), [],
         ": server cannot be created: container has runAsNonRoot", "kubectl describe pod", True),
        (ended("OOMKilled", 137), [],
         ": server took more memory than its limit of 2Gi and was killed", "raise the limit", True),
        (ended("Error", 1, "starting\nthere is no such environment\n  received: AIRWORTHY_ENV=x\n"),
         [], ": server ended with exit code 1: there is no such environment",
         f"kubectl logs --namespace airworthy-dev {POD} -c server -p", True),
        (ended("Error", 1, "no route", restarts=1), [], "exit code 1: no route", "logs", False),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on resource: ephemeral-storage"},
         [], "was evicted: low on resource: ephemeral-storage", "give it more", False),
        (STARTING, [pod_event("FailedMount", 'configmap "rules" not found')],
         'cannot start: configmap "rules" not found', "kubectl describe pod", False),
        (STARTING, [pod_event("FailedCreatePodSandBox", "no IP addresses left")],
         "cannot start: no IP addresses left", "kubectl describe pod", False),
        (STARTING, [], "is being started", "kubectl describe pod", False),
        (container({"running": {}}), [pod_event("Unhealthy", "Startup probe failed: refused")],
         "runs and is not ready: Startup probe failed: refused", "kubectl logs", False),
    ],
)  # fmt: skip
def test_each_fault_of_a_pod_has_a_sentence_and_a_next_step(
    status: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    sentence: str,
    next_step: str,
    lasts: bool,
) -> None:
    """The sentence names the pod and the reason."""
    fault = pod_fault(pod(POD, "uid-rs", status), events)
    assert fault is not None
    assert fault.sentence.startswith(f"pod {POD}")
    assert sentence in fault.sentence
    assert next_step in fault.next_step
    assert fault.lasts is lasts


def test_a_ready_pod_has_no_fault() -> None:
    """Former restarts are no fault of a pod that is ready."""
    status = {**READY, **container({"running": {}}, ready=True, restartCount=4)}
    assert pod_fault(pod(POD, "uid-rs", {**status, "conditions": READY["conditions"]})) is None


def stateful_set(**status: Any) -> dict[str, Any]:
    """Return a StatefulSet that wants two pods."""
    counts = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    revisions = {"currentRevision": "a", "updateRevision": "a"}
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "model-server", "generation": 1, "uid": "uid-set"},
        "spec": {"replicas": 2},
        "status": {**counts, **revisions, **status},
    }


def test_a_stateful_set_is_up_when_all_pods_are_of_its_newest_version() -> None:
    """One pod of the former version is left, or a policy lets none be made."""
    workload = Workload("airworthy-dev", "StatefulSet", "model-server")
    assert progress_of(workload, [stateful_set()]).fault is None
    behind = progress_of(workload, [stateful_set(updateRevision="b", updatedReplicas=1)])
    assert (behind.done, behind.wanted) == (1, 2)
    assert behind.fault is not None
    refused = pod_event("FailedCreate", "pod is forbidden: violates PodSecurity", "uid-set")
    fault = progress_of(workload, [stateful_set(availableReplicas=0), refused]).fault
    assert fault is not None
    assert fault.sentence == "no pod can be made: pod is forbidden: violates PodSecurity"


def test_a_job_is_done_or_told_why_not() -> None:
    """A Job among the manifests is waited for too."""
    workload = Workload("airworthy-dev", "Job", "migrate")
    job = {"kind": "Job", "metadata": {"name": "migrate", "uid": "j"}, "status": {"succeeded": 1}}
    assert progress_of(workload, [job]).fault is None
    failed = {"type": "Failed", "status": "True", "message": "reached the backoff limit"}
    fault = progress_of(workload, [{**job, "status": {"conditions": [failed]}}]).fault
    assert fault is not None
    assert "reached the backoff limit" in fault.sentence
    assert progress_of(workload, []).fault is not None
