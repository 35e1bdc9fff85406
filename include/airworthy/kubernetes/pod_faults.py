"""Why a pod does not come up, in one sentence with the next step. Pure functions of JSON values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Object = Mapping[str, Any]

_PULL = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
_CREATE = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_MISSING = re.compile(r'(?P<kind>secret|configmap) "(?P<name>[^"]+)" not found', re.IGNORECASE)
_STEADY_RESTARTS = 3


class Fault(NamedTuple):
    """Why something does not come up.

    Attributes:
        sentence: The subject and the reason.
        next_step: What to do.
        lasts: Whether waiting longer hardly helps.
        logs: Namespace and pod whose log says more; None: none does.
    """

    sentence: str
    next_step: str
    lasts: bool = False
    logs: tuple[str, str] | None = None


def pod_fault(pod: Object, events: Sequence[Object] = ()) -> Fault | None:
    """Return why a pod is not ready; None: it is ready.

    Args:
        pod: The pod.
        events: The events of the pod.
    """
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return _failed(pod, status)
    if _condition(status, "Ready") == "True":
        return None
    return (
        _unscheduled(pod, status)
        or next(_container_faults(pod, status), None)
        or _volume_fault(pod, events)
        or _not_ready(pod, status, events)
    )


def _failed(pod: Object, status: Object) -> Fault:
    reason = status.get("reason")
    if reason == "Evicted":
        return Fault(
            f"{_name(pod)} was evicted: {_words(status.get('message'))}",
            "give it more of what ran out, in the overlay",
        )
    ended = next(_container_faults(pod, status), None)
    why = _words(status.get("message") or reason or "a container failed")
    return ended or Fault(f"{_name(pod)} failed: {why}", _describe(pod), lasts=True)


def _unscheduled(pod: Object, status: Object) -> Fault | None:
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            message = _words(condition.get("message"))
            if "PersistentVolumeClaim" in message:
                step = "give the cluster a StorageClass, or leave out the component spool_volume"
                return Fault(f"{_name(pod)} waits for its volume: {message}", step)
            step = "add a node, or lower the requests in the overlay"
            return Fault(f"{_name(pod)} fits on no node: {message}", step)
    return None


def _container_faults(pod: Object, status: Object) -> Iterator[Fault]:
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key) or ():
            fault = _waiting_fault(pod, container) or _ended_fault(pod, container)
            if fault is not None:
                yield fault


def _waiting_fault(pod: Object, container: Object) -> Fault | None:
    waiting = container.get("state", {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), _words(waiting.get("message"))
    if reason in _PULL:
        return Fault(
            f"{_name(pod)}: the image {container['image']} of {container['name']} cannot be pulled: "
            f"{message or reason}",
            "push it, name another one with --image, or import it on the nodes; a private registry "
            "needs imagePullSecrets of the service account",
            lasts=True,
        )
    missing = _MISSING.search(message)
    if missing is not None:
        return _missing_fault(pod, missing["kind"].lower(), missing["name"])
    if reason in _CREATE:
        sentence = f"{_name(pod)}: {container['name']} cannot be created: {message or reason}"
        return Fault(sentence, _describe(pod), lasts=True)
    return None


def _missing_fault(pod: Object, kind: str, name: str) -> Fault:
    namespace = pod["metadata"].get("namespace", "default")
    if kind == "secret":
        step = f"kubectl create secret generic {name} --namespace {namespace} --from-env-file=FILE"
        return Fault(f"{_name(pod)}: there is no Secret {name} in {namespace}", step, lasts=True)
    return Fault(
        f"{_name(pod)}: there is no ConfigMap {name} in {namespace}", "apply again", lasts=True
    )


def _ended_fault(pod: Object, container: Object) -> Fault | None:
    states = (container.get("state", {}), container.get("lastState", {}))
    ended: Object = next((each["terminated"] for each in states if each.get("terminated")), {})
    running = container.get("state", {}).get("running")
    if not ended or ended.get("reason") == "Completed" or (running and container.get("ready")):
        return None
    name, code = container["name"], ended.get("exitCode")
    lasts = not running and container.get("restartCount", 0) >= _STEADY_RESTARTS
    if ended.get("reason") == "OOMKilled":
        limit = _memory_limit(pod, name)
        sentence = f"{_name(pod)}: {name} took more memory than its limit{limit} and was killed"
        return Fault(sentence, "raise the limit in the overlay", lasts)
    said = _last_line(ended.get("message"))
    why = f": {said}" if said else ""
    step = f"kubectl logs --namespace {_namespace(pod)} {pod['metadata']['name']} -c {name} -p"
    return Fault(f"{_name(pod)}: {name} ended with exit code {code}{why}", step, lasts)


def _volume_fault(pod: Object, events: Sequence[Object]) -> Fault | None:
    for event in reversed(events):
        if event.get("reason") in ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"):
            sentence = f"{_name(pod)} cannot start: {_words(event.get('message'))}"
            return Fault(sentence, _describe(pod))
    return None


def _not_ready(pod: Object, status: Object, events: Sequence[Object]) -> Fault:
    if not status.get("containerStatuses") or _condition(status, "Initialized") == "False":
        return Fault(f"{_name(pod)} is being started", _describe(pod))
    probes = [each for each in events if each.get("reason") == "Unhealthy"]
    why = f": {_words(probes[-1].get('message'))}" if probes else ""
    namespace, name = _namespace(pod), pod["metadata"]["name"]
    step = f"kubectl logs --namespace {namespace} {name}"
    return Fault(f"{_name(pod)} runs and is not ready{why}", step, logs=(namespace, name))


def _memory_limit(pod: Object, container: str) -> str:
    spec = pod.get("spec", {})
    for each in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        limit = each.get("resources", {}).get("limits", {}).get("memory")
        if each["name"] == container and limit:
            return f" of {limit}"
    return ""


def _condition(status: Object, kind: str) -> str | None:
    for condition in status.get("conditions", ()):
        if condition["type"] == kind:
            value: str = condition["status"]
            return value
    return None


def _name(pod: Object) -> str:
    return f"pod {pod['metadata']['name']}"


def _namespace(pod: Object) -> str:
    namespace: str = pod["metadata"].get("namespace", "default")
    return namespace


def _describe(pod: Object) -> str:
    return f"kubectl describe pod --namespace {_namespace(pod)} {pod['metadata']['name']}"


def _words(text: object) -> str:
    return " ".join(str(text or "").split())[:600]


def _last_line(text: object) -> str:
    """Return the last line that begins an error: its further lines are indented."""
    lines = [line for line in str(text or "").splitlines() if line.strip()]
    unindented = [line for line in lines if not line[0].isspace()]
    return _words((unindented or lines)[-1]) if lines else ""
