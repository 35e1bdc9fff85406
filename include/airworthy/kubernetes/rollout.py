"""Applies manifests, and waits until their workloads have come up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.kubernetes.kubectl import Kubectl
from airworthy.kubernetes.manifests import objects_of
from airworthy.kubernetes.pod_faults import Fault
from airworthy.kubernetes.workloads import Progress, Workload, progress_of, workloads_of

FIELD_MANAGER = "airworthy"
_LOOK_SECONDS = 2.0
_LASTING_SECONDS = 60.0
_UNANSWERED_LOOKS = 5
_LOG_LINES = 3
_KINDS = "deployments,statefulsets,replicasets,jobs,pods,events"

Tell = Callable[[str], None]


def apply_manifests(kubectl: Kubectl, manifests: str, *, force: bool = False) -> list[str]:
    """Apply manifests on the server's side. Return a line for each object and each warning.

    Args:
        kubectl: The cluster.
        manifests: The manifests, as YAML.
        force: Take over fields that others have set.

    Raises:
        TerminalError: when the cluster refuses them.
        TransientError: when it does not answer.
    """
    words = ["apply", "--server-side", f"--field-manager={FIELD_MANAGER}", "--filename=-"]
    if force:
        words.append("--force-conflicts")
    lines = kubectl.ask(*words, manifests=manifests).splitlines()
    return [*lines, *kubectl.warnings]


@dataclass
class LastingFaults:
    """Notes since when each workload has had a fault that waiting hardly helps.

    Attributes:
        after: The time in seconds after which such a fault is final.
    """

    after: float = _LASTING_SECONDS
    _since: dict[Workload, float] = field(default_factory=dict)

    def final(self, states: Sequence[Progress], now: float) -> list[Progress]:
        """Return the workloads whose fault is final. `now` is a time in seconds."""
        for state in states:
            if state.fault is None or not state.fault.lasts:
                self._since.pop(state.workload, None)
            else:
                self._since.setdefault(state.workload, now)
        return [
            state
            for state in states
            if state.workload in self._since and now - self._since[state.workload] >= self.after
        ]


def wait_for_rollout(
    kubectl: Kubectl, manifests: str, timeout: timedelta, tell: Tell, lasting: LastingFaults
) -> list[Progress]:
    """Wait until all workloads have come up, and return them.

    It ends early when a fault lasts that waiting hardly helps: an image that is not there, a
    missing Secret, a container that ends again and again.

    Args:
        kubectl: The cluster.
        manifests: The applied manifests, as YAML.
        timeout: The longest time to wait.
        tell: Gets a line for each change.
        lasting: Decides when a fault is final.

    Raises:
        TerminalError: when a workload does not come up; it says why.
        TransientError: when the cluster does not answer any more.
    """
    workloads = workloads_of(objects_of(manifests))
    until = time.monotonic() + timeout.total_seconds()
    for states in _looks(kubectl, workloads, tell):
        if all(state.fault is None for state in states):
            return states
        now = time.monotonic()
        final = lasting.final(states, now)
        if final or now >= until:
            waited = None if final else timeout
            raise _not_up(final or [each for each in states if each.fault], waited, kubectl)
        time.sleep(min(_LOOK_SECONDS, max(0.0, until - now)))
    return []


def _looks(kubectl: Kubectl, workloads: Sequence[Workload], tell: Tell) -> Iterator[list[Progress]]:
    """Yield the state of all workloads again and again. A few looks may fail."""
    told: dict[Workload, str] = {}
    unanswered = 0
    while True:
        try:
            states = _look(kubectl, workloads)
            unanswered = 0
        except TransientError:
            unanswered += 1
            if unanswered >= _UNANSWERED_LOOKS:
                raise
            time.sleep(_LOOK_SECONDS)
            continue
        for state in states:
            line = _line(state)
            if told.get(state.workload) != line:
                tell(line)
                told[state.workload] = line
        yield states


def _look(kubectl: Kubectl, workloads: Sequence[Workload]) -> list[Progress]:
    objects: dict[str, list[Mapping[str, Any]]] = {}
    for namespace in sorted({each.namespace for each in workloads}):
        found = kubectl.read("get", _KINDS, f"--namespace={namespace}")
        objects[namespace] = found.get("items", [])
    return [progress_of(each, objects[each.namespace]) for each in workloads]


def _line(state: Progress) -> str:
    head = f"{state.workload}: {state.done} of {state.wanted} ready"
    return head if state.fault is None else f"{head}; {state.fault.sentence}"


def _not_up(
    states: Sequence[Progress], waited: timedelta | None, kubectl: Kubectl
) -> TerminalError:
    """Return the error for workloads with faults; `waited` is None for faults that last."""
    faulty = [state for state in states if state.fault is not None]
    first = faulty[0]
    fault = first.fault or Fault("", "")
    within = "" if waited is None else f" within {waited.total_seconds():.0f} s"
    others = [_line(state) for state in faulty] if len(faulty) > 1 else []
    return TerminalError(
        f"{first.workload} does not come up{within}: {fault.sentence}",
        received="\n".join([*others, *_log_lines(fault, kubectl)]) or None,
        next_step=fault.next_step,
    )


def _log_lines(fault: Fault, kubectl: Kubectl) -> list[str]:
    """Return the last lines of a faulty pod's log, if they can be had."""
    if fault.logs is None:
        return []
    namespace, pod = fault.logs
    try:
        text = kubectl.ask("logs", pod, f"--namespace={namespace}", f"--tail={_LOG_LINES}")
    except AirworthyError:
        return []
    return [f"its log: {line}" for line in text.splitlines() if line.strip()]
