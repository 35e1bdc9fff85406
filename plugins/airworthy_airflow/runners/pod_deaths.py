"""The reason that a pod did not run its stage to the end, in one sentence. Pure.

The pod is one of `kubernetes` or of `kubernetes_asyncio`: both have the same attributes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from airworthy_airflow.runners.place_fault import PlaceFault

_AGAIN = "nothing: the task is retried"
_OOM = "OOMKilled"
# Reasons of a whole pod, by the kubelet or the node's controller.
_OF_NODE = {"NodeLost", "NodeShutdown", "Shutdown", "Terminated", "Preempting"}
_NO_ROOM = re.compile(r"^(OutOf\w+|NodeAffinity|UnexpectedAdmissionError|NodePorts)$")
_PULL = {"ErrImagePull", "ImagePullBackOff"}
_GONE = re.compile(
    r"not found|manifest unknown|no such image|pull access denied|unauthorized|forbidden|denied"
    r"|does not exist|authentication required",
    re.IGNORECASE,
)
_NEVER = re.compile(r"not found|couldn't find key|non-root|runAsNonRoot|run as root|is invalid")


def death_of(
    pod: Any, warnings: Sequence[str], container: str, startup: str, deadline: str
) -> PlaceFault | None:
    """Return the fault of the place; None: the container itself has ended with a code of its own.

    Args:
        pod: The pod as it was at last; None: it is gone.
        warnings: The messages of its events of the type ``Warning``, oldest first.
        container: The stage's container.
        startup: The longest time to start, in words.
        deadline: The longest time of the pod, in words.
    """
    if pod is None or pod.status is None:
        return _deleted()
    looks: tuple[Callable[[], PlaceFault | None], ...] = (
        lambda: _of_pod(pod, deadline),
        lambda: _of_ended_container(pod, container),
        lambda: _deleted() if pod.metadata.deletion_timestamp is not None else None,
        lambda: _of_init_container(pod),
        lambda: waiting_fault(pod, warnings),
        lambda: _not_scheduled(pod, startup),
        lambda: _not_started(pod, container, warnings, startup),
    )
    return next((fault for look in looks if (fault := look()) is not None), None)


def hopeless(pod: Any) -> PlaceFault | None:
    """Return the fault of a pod that waits for what will never come; None: it may still start."""
    if pod is None or pod.status is None:
        return None
    fault = waiting_fault(pod, ())
    return fault if fault is not None and fault.final else None


def waiting_fault(pod: Any, warnings: Sequence[str]) -> PlaceFault | None:
    """Return the fault that keeps a container from starting; None: it waits for nothing known.

    Args:
        pod: The pod.
        warnings: The messages of its events.
    """
    statuses = [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]
    for status in statuses:
        waiting = status.state.waiting if status.state is not None else None
        if waiting is None or waiting.reason in (None, "ContainerCreating", "PodInitializing"):
            continue
        words = " ".join((waiting.message or "").split())
        fault = _waiting_fault(waiting.reason, words, status.image or "", warnings)
        if fault is not None:
            return fault
    return None


def exit_code_of(pod: Any, container: str) -> int | None:
    """Return the exit code of a pod's container. None: it was evicted or never started."""
    ended = _terminated(pod, container)
    return None if ended is None else int(ended.exit_code)


def last_words(pod: Any, container: str) -> list[str]:
    """Return the lines of a container's termination message: the stage's error, or its last lines."""
    ended = _terminated(pod, container)
    return [] if ended is None else (ended.message or "").splitlines()


def _of_pod(pod: Any, deadline: str) -> PlaceFault | None:
    """Return the fault of a pod that the cluster ended as a whole."""
    reason, words = pod.status.reason or "", pod.status.message or None
    if reason == "DeadlineExceeded":
        text = f"the pod ran longer than its deadline of {deadline}"
        next_step = "raise kubernetes.deadline, or give the stage more CPUs"
        return PlaceFault(text, next_step, final=True, received=words)
    if reason == "Evicted":
        return PlaceFault(
            "the node evicted the pod: it ran short of memory or disk",
            "raise memory_mib or disk in kubernetes.resources, so that a node has it to spare",
            received=words,
        )
    if _NO_ROOM.match(reason):
        return PlaceFault(f"the node did not take the pod ({reason})", _AGAIN, received=words)
    disrupted = _condition(pod, "DisruptionTarget")
    if disrupted is not None and disrupted.status == "True":
        return _disrupted(disrupted.reason or "", disrupted.message)
    if reason in _OF_NODE:
        return PlaceFault(f"the pod's node went away ({reason})", _AGAIN, received=words)
    return None


def _disrupted(reason: str, words: str | None) -> PlaceFault:
    text = {
        "PreemptionByScheduler": "the pod had to make room for one of a higher priority",
        "DeletionByTaintManager": "the pod's node got a taint that the pod does not tolerate",
        "EvictionByEvictionAPI": "the pod's node was drained",
        "DeletionByPodGC": "the pod's node is gone",
        "TerminationByKubelet": "the pod's node shut down, or ran short of memory or disk",
    }.get(reason, f"the cluster took the pod's place ({reason})")
    return PlaceFault(text, f"{_AGAIN}; a priority_class would keep it", received=words)


def _of_ended_container(pod: Any, container: str) -> PlaceFault | None:
    ended = _terminated(pod, container)
    if ended is None:
        return None
    if ended.reason == _OOM:
        return _out_of_memory(pod, container)
    if ended.reason in ("ContainerCannotRun", "StartError", "CreateContainerError"):
        return PlaceFault(
            "the image cannot start the stage's command",
            "build the image as infra/docker/Dockerfile does",
            final=True,
            received=ended.message,
        )
    return None


def _out_of_memory(pod: Any, container: str) -> PlaceFault:
    limit = _memory_limit(pod, container)
    if limit is None:
        return PlaceFault(
            "the node had no memory left and ended the stage (OOMKilled); the stage has no limit",
            "name memory_mib in kubernetes.resources: the cluster then finds a node that has it",
        )
    return PlaceFault(
        f"the stage needs more memory than its limit of {limit} (OOMKilled)",
        "raise memory_mib in kubernetes.resources, or make the window smaller (train.lookback): a "
        "retry would end alike",
        final=True,
    )


def _memory_limit(pod: Any, container: str) -> str | None:
    for each in pod.spec.containers if pod.spec is not None else ():
        if each.name == container and each.resources is not None:
            return (each.resources.limits or {}).get("memory")
    return None


def _of_init_container(pod: Any) -> PlaceFault | None:
    for status in pod.status.init_container_statuses or ():
        ended = status.state.terminated if status.state is not None else None
        if ended is not None and ended.exit_code != 0:
            return PlaceFault(
                f"the pod's init container {status.name} ended with {ended.exit_code}",
                "correct it in the pod template",
                received=ended.message,
            )
    return None


def _waiting_fault(
    reason: str, words: str, image: str, warnings: Sequence[str]
) -> PlaceFault | None:
    if reason in ("InvalidImageName", "ErrImageNeverPull"):
        text = f"the image {image} cannot be used ({reason})"
        return PlaceFault(text, _CORRECT_IMAGE, final=True, received=words or None)
    if reason in _PULL:
        detail = " ".join([words, *(each for each in warnings if "pull" in each.lower())])
        gone = _GONE.search(detail) is not None
        return PlaceFault(
            f"the image {image} cannot be pulled",
            _CORRECT_IMAGE if gone else "check that the nodes reach the registry",
            final=gone,
            received=words or None,
        )
    if reason == "CreateContainerConfigError":
        return PlaceFault(
            f"the pod cannot be set up: {words}",
            "create the Secret, or correct kubernetes.secrets, the pod template or the image's user",
            final=_NEVER.search(words) is not None,
        )
    if reason in ("CreateContainerError", "RunContainerError", "CrashLoopBackOff"):
        return PlaceFault(
            f"the container cannot be started ({reason})",
            "build the image as infra/docker/Dockerfile does",
            received=words or None,
        )
    return None


_CORRECT_IMAGE = "push it, correct kubernetes.image, or name kubernetes.pull_secrets"


def _not_scheduled(pod: Any, startup: str) -> PlaceFault | None:
    placed = _condition(pod, "PodScheduled")
    if pod.status.phase != "Pending" or placed is None or placed.status == "True":
        return None
    return PlaceFault(
        f"no node had room for the pod within {startup}",
        "lower kubernetes.resources, add nodes, or correct node_selector and tolerations",
        received=placed.message,
    )


def _not_started(
    pod: Any, container: str, warnings: Sequence[str], startup: str
) -> PlaceFault | None:
    if pod.status.phase not in ("Pending", "Unknown") or _terminated(pod, container) is not None:
        return None
    words = warnings[-1] if warnings else None
    volume = next((each for each in reversed(warnings) if "olume" in each), None)
    if volume is not None:
        return PlaceFault(
            "a volume of the pod cannot be mounted",
            "create the volume, claim or Secret that it names, or correct the pod template",
            received=volume,
        )
    return PlaceFault(
        f"the pod did not start within {startup}",
        "look at the pod's events in the task's log; raise kubernetes.startup_timeout for a large "
        "image",
        received=words,
    )


def _deleted() -> PlaceFault:
    return PlaceFault("the pod was deleted before the stage was done", _AGAIN)


def _condition(pod: Any, kind: str) -> Any:
    return next((each for each in pod.status.conditions or () if each.type == kind), None)


def _terminated(pod: Any, container: str) -> Any:
    statuses = (pod.status.container_statuses or ()) if pod is not None and pod.status else ()
    for status in statuses:
        if status.name == container and status.state is not None:
            return status.state.terminated
    return None
