"""The workloads of applied manifests, and whether they have come up. Pure functions of JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from airworthy.kubernetes.pod_faults import Fault, pod_fault

Object = Mapping[str, Any]

WAITED_FOR = ("Deployment", "StatefulSet", "Job")
_REVISION = "deployment.kubernetes.io/revision"
_REFUSED = {"FailedCreate", "ReplicaSetCreateError"}


class Workload(NamedTuple):
    """A workload by its names."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        """Return its kind and name, as kubectl takes them."""
        return f"{self.kind} {self.name}"


class Progress(NamedTuple):
    """The progress of a workload.

    Attributes:
        workload: The workload.
        done: The new pods that are ready.
        wanted: The pods that it should have.
        fault: Why it has not come up; None: it has.
    """

    workload: Workload
    done: int
    wanted: int
    fault: Fault | None


def workloads_of(objects: Iterable[Object]) -> list[Workload]:
    """Return the workloads among objects that a rollout waits for."""
    return [
        Workload(
            each["metadata"].get("namespace", "default"), each["kind"], each["metadata"]["name"]
        )
        for each in objects
        if each["kind"] in WAITED_FOR
    ]


def progress_of(workload: Workload, objects: Sequence[Object]) -> Progress:
    """Return how far a workload is.

    Args:
        workload: The workload.
        objects: The workloads, ReplicaSets, pods and events of its namespace.
    """
    found = next((each for each in objects if _is(each, workload)), None)
    if found is None:
        gone = Fault("it is gone, somebody deleted it", "apply again", lasts=True)
        return Progress(workload, 0, 1, gone)
    done, wanted, up = _counts(found)
    if up:
        return Progress(workload, done, wanted, None)
    return Progress(workload, done, wanted, _fault(workload, found, objects))


def _is(each: Object, workload: Workload) -> bool:
    names: tuple[str, str] = (each["kind"], each["metadata"]["name"])
    return names == (workload.kind, workload.name)


def _counts(found: Object) -> tuple[int, int, bool]:
    """Return the ready new pods, the wanted ones, and whether the workload has come up."""
    spec, status = found.get("spec", {}), found.get("status", {})
    if found["kind"] == "Job":
        wanted, done = spec.get("completions", 1), status.get("succeeded", 0)
        return done, wanted, done >= wanted
    wanted = spec.get("replicas", 1)
    updated = status.get("updatedReplicas", 0)
    seen = status.get("observedGeneration", 0) >= found["metadata"].get("generation", 0)
    available = status.get("availableReplicas", 0)
    whole = status.get("replicas", 0) == updated == wanted and available >= wanted
    if found["kind"] == "StatefulSet":
        whole = whole and status.get("updateRevision") == status.get("currentRevision")
    return min(updated, available), wanted, seen and whole


def _fault(workload: Workload, found: Object, objects: Sequence[Object]) -> Fault:
    refused = _refusal(found, objects)
    if refused is not None:
        return refused
    faults = []
    for pod in _pods(found, objects):
        fault = pod_fault(pod, _events_of(pod, objects))
        if fault is not None:
            faults.append(fault)
    lasting = [each for each in faults if each.lasts]
    if lasting or faults:
        return (lasting or faults)[0]
    return _unseen(workload, found)


def _unseen(workload: Workload, found: Object) -> Fault:
    """Return the fault of a workload whose pods are all ready, or are not there yet."""
    look = (
        f"kubectl describe {workload.kind.lower()} --namespace {workload.namespace} {workload.name}"
    )
    seen = found.get("status", {}).get("observedGeneration", 0)
    if seen < found["metadata"].get("generation", 0):
        return Fault("no controller of the cluster has seen it yet", look)
    return Fault("pods are being started or ended", look)


def _refusal(found: Object, objects: Sequence[Object]) -> Fault | None:
    """Return why pods are not even made: a quota, a policy, a missing account."""
    messages = [
        each.get("message", "")
        for each in found.get("status", {}).get("conditions", ())
        if (each["type"], each["status"]) in (("ReplicaFailure", "True"), ("Failed", "True"))
    ]
    if found["kind"] == "StatefulSet":
        messages += [
            each.get("message", "")
            for each in _events_of(found, objects)
            if each.get("reason") in _REFUSED
        ]
    if not messages:
        return None
    message = " ".join(messages[-1].split())[:600]
    return Fault(f"no pod can be made: {message}", _step_after(message), lasts=True)


def _step_after(message: str) -> str:
    if "exceeded quota" in message:
        return "raise the ResourceQuota of the namespace, or lower the requests in the overlay"
    if "PodSecurity" in message:
        return "make the overlay's patch of the pods restricted again"
    if "serviceaccount" in message:
        return "apply again: the service account of the pods is missing"
    return "correct this in the overlay, then apply again"


def _pods(found: Object, objects: Sequence[Object]) -> list[Object]:
    """Return the pods of a workload's newest version that are not being ended."""
    owner = found
    if found["kind"] == "Deployment":
        revision = found["metadata"].get("annotations", {}).get(_REVISION)
        sets = [
            each
            for each in _owned(found, "ReplicaSet", objects)
            if each["metadata"].get("annotations", {}).get(_REVISION) == revision
        ]
        if not sets:
            return []
        owner = sets[-1]
    pods = _owned(owner, "Pod", objects)
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def _owned(owner: Object, kind: str, objects: Sequence[Object]) -> list[Object]:
    uid = owner["metadata"].get("uid")
    return [
        each
        for each in objects
        if each["kind"] == kind
        and any(one.get("uid") == uid for one in each["metadata"].get("ownerReferences", ()))
    ]


def _events_of(owner: Object, objects: Sequence[Object]) -> list[Object]:
    """Return the events of an object, the latest last."""
    uid = owner["metadata"].get("uid")
    events = [
        each
        for each in objects
        if each["kind"] == "Event" and each.get("involvedObject", {}).get("uid") == uid
    ]
    return sorted(events, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime")))
