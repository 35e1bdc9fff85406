"""Airflow's `KubernetesPodOperator` for a stage: it can be stopped at any moment, and logs no secret."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import PodLaunchFailedException
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.container import container_is_completed
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodManager, PodPhase
from airflow.sdk.exceptions import AirflowException, TaskDeferred
from kubernetes.client import V1ObjectMeta, V1Pod
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from airworthy_airflow.runners.pod_deaths import hopeless
from airworthy_airflow.runners.pod_refusals import is_passing, refusal_of
from airworthy_airflow.runners.pod_trigger import StagePodTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pendulum import DateTime

_Answer = TypeVar("_Answer")
_MISSING, _EXISTS = 404, 409
_PAUSE = 15.0
"""The most seconds between two tries of a request that may be accepted in a while."""
_SLICE = 0.5
"""Seconds between two looks whether the task was ended."""
_GRACE = 5
"""Seconds that the operator goes on to look for the end of a pod whose stage has ended."""


class StoppedError(AirflowException):
    """The task was ended."""


class LostSightError(AirflowException):
    """The triggerer could not look at the pod, time and again."""


@dataclass(frozen=True)
class EndedPod:
    """The last look at a pod.

    Attributes:
        name: Its name.
        pod: Its content; None: it is gone.
        warnings: The messages of its events of the type ``Warning``, oldest first.
    """

    name: str
    pod: V1Pod | None
    warnings: list[str] = field(default_factory=list)


class StagePodOperator(KubernetesPodOperator):
    """Runs one pod and keeps the last look at it in `ended`. It raises nothing of the stage's own.

    Args:
        is_stopped: Tells whether the task was ended.
        may_adopt: Tells whether a pod of an earlier try is taken up. All others are removed.
        kwargs: Arguments of Airflow's operator.
    """

    def __init__(
        self,
        *,
        is_stopped: Callable[[], bool],
        may_adopt: Callable[[V1Pod, Context], bool],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.is_stopped = is_stopped
        self.may_adopt = may_adopt
        self.ended: EndedPod | None = None

    def get_or_create_pod(self, pod_request_obj: V1Pod, context: Context) -> V1Pod:
        """Return a pod of a killed worker, or a new one. Every other pod of the task is removed.

        Raises:
            StoppedError: when the task was ended before. No pod is left.
            ApiException: when the cluster refuses.
        """
        namespace = pod_request_obj.metadata.namespace
        adopted = None
        for pod in self._patiently(lambda: self._pods_of_task(namespace, context)):
            if adopted is None and self.may_adopt(pod, context):
                self.log.info("taking up the pod %s of a killed worker", pod.metadata.name)
                adopted = pod
                continue
            self.log.info("removing the pod %s of an earlier try", pod.metadata.name)
            self._delete(pod)
        pod = adopted or pod_request_obj
        try:
            if adopted is None:
                self._patiently(lambda: self._create(pod_request_obj))
            self._require_going()
        except StoppedError:
            # Also when no answer came: the request may have been accepted.
            self._delete(pod)
            raise
        return pod

    def find_pod(
        self,
        namespace: str,
        context: Context,  # noqa: ARG002 - the operator's signature
        *,
        exclude_checked: bool = True,  # noqa: ARG002
    ) -> V1Pod | None:
        """Return this try's own pod. Another pod with the same labels is none of its business."""
        if self.pod is None:
            return None
        return self.hook.get_pod(self.pod.metadata.name, namespace)

    def cleanup(
        self,
        pod: V1Pod,  # noqa: ARG002 - the operator's signature
        remote_pod: V1Pod,  # noqa: ARG002
        xcom_result: dict[Any, Any] | None = None,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> None:
        """Look at the pod a last time, and remove it."""
        self.conclude()

    def conclude(self) -> None:
        """Look at the pod a last time, and remove it. Without an answer of the cluster, do neither."""
        if self.pod is None or self.ended is not None:
            return
        try:
            pod = self._read()
            self.ended = EndedPod(self.pod.metadata.name, pod, self._warnings(pod))
            if pod is not None:
                self._delete(pod)
        except (ApiException, HTTPError) as error:
            self.log.warning("the pod %s is not removed: %s", self.pod.metadata.name, _short(error))

    def invoke_defer_method(
        self, last_log_time: DateTime | None = None, context: Context | None = None
    ) -> None:
        """Wait in the triggerer.

        Raises:
            TaskDeferred: unless the pod has ended already.
        """
        try:
            super().invoke_defer_method(last_log_time, context)
        except TaskDeferred as deferred:
            _, arguments = deferred.trigger.serialize()
            raise TaskDeferred(
                trigger=StagePodTrigger(**arguments),
                method_name="execute_complete",
                timeout=deferred.timeout,
            ) from None

    def trigger_reentry(self, context: Context, event: dict[str, Any]) -> None:
        """Go on after the trigger: log the rest of the pod's log, then look at it a last time.

        Raises:
            TaskDeferred: when the trigger failed and the pod still runs, at most three times.
            LostSightError: after them; the pod is removed.
        """
        name = V1ObjectMeta(name=event["name"], namespace=event["namespace"])
        self.pod = V1Pod(metadata=name)
        pod = self._read()
        lost = event.get("_redefer_count", 0)
        if pod is not None and event["status"] == "error" and self._runs(pod):
            self.log.warning("the triggerer lost sight of the pod: %s", event.get("message"))
            if lost < self.MAX_REDEFER_ATTEMPTS:
                self.pod = pod
                self.trigger_kwargs = {**(self.trigger_kwargs or {}), "_redefer_count": lost + 1}
                self.invoke_defer_method(event.get("last_log_time"), context)
            self.conclude()
            raise LostSightError(f"the triggerer lost sight of the pod: {event.get('message')}")
        if pod is not None and self.get_logs:
            self._log_rest(pod, event)
        self.conclude()

    @cached_property
    def pod_manager(self) -> PodManager:
        """The reader of pods and their logs."""
        return _StagePodManager(kube_client=self.client)

    def _pods_of_task(self, namespace: str, context: Context) -> list[V1Pod]:
        labels = self._get_ti_pod_labels(context, include_try_number=False)
        selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
        return list(self.client.list_namespaced_pod(namespace, label_selector=selector).items)

    def _create(self, pod: V1Pod) -> None:
        """Create the pod. Nothing of its specification is logged: that holds values of variables."""
        content = self.client.api_client.sanitize_for_serialization(pod)
        namespace, name = pod.metadata.namespace, pod.metadata.name
        try:
            self.client.create_namespaced_pod(namespace, content)
        except ApiException as error:
            # Its name is random: an earlier request was accepted, and its answer was lost.
            if error.status != _EXISTS or self._named(namespace, name) is None:
                raise

    def _patiently(self, request: Callable[[], _Answer]) -> _Answer:
        """Return the answer to a request; repeat it while it may be accepted in a while.

        Raises:
            StoppedError: when the task was ended meanwhile.
        """
        until, pause = time.monotonic() + self.startup_timeout_seconds, _SLICE
        while True:
            self._require_going()
            try:
                return request()
            except (ApiException, HTTPError) as error:
                if not _may_pass(error) or time.monotonic() >= until:
                    raise
                self.log.warning("the cluster does not take the pod yet: %s", _short(error))
            self._wait(min(pause, max(until - time.monotonic(), 0.0)))
            pause = min(2 * pause, _PAUSE)

    def _require_going(self) -> None:
        """Raise a `StoppedError` when the task was ended."""
        if self.is_stopped():
            raise StoppedError("the task was ended")

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.is_stopped():
            time.sleep(min(_SLICE, seconds))

    def _read(self) -> V1Pod | None:
        assert self.pod is not None, "a pod has a name before it is read"
        return self._named(self.pod.metadata.namespace, self.pod.metadata.name)

    def _named(self, namespace: str, name: str) -> V1Pod | None:
        try:
            return self.client.read_namespaced_pod(name, namespace)
        except ApiException as error:
            if error.status == _MISSING:
                return None
            raise

    def _delete(self, pod: V1Pod) -> None:
        self.pod_manager.delete_pod(pod)

    def _warnings(self, pod: V1Pod | None) -> list[str]:
        """Return the messages of the pod's warnings, also into the log. Without the right: none."""
        if pod is None or pod.status is None or pod.status.phase == PodPhase.SUCCEEDED:
            return []
        try:
            events = self.pod_manager.read_pod_events(pod).items
        except (ApiException, HTTPError, AirflowException) as error:
            self.log.warning("the pod's events cannot be read: %s", _short(error))
            return []
        found = [event for event in events if event.type == "Warning" and event.message]
        for event in found:
            self.log.warning("%s: %s", event.reason, event.message)
        return [str(event.message) for event in found]

    def _runs(self, pod: V1Pod) -> bool:
        ended = pod.status.phase in PodPhase.terminal_states
        done = container_is_completed(pod, self.base_container_name)
        return not ended and not done and hopeless(pod) is None

    def _log_rest(self, pod: V1Pod, event: dict[str, Any]) -> None:
        try:
            self._write_logs(pod, follow=False, since_time=event.get("last_log_time"))
        except (ApiException, HTTPError) as error:
            self.log.warning("the pod's log cannot be read: %s", _short(error))


class _StagePodManager(PodManager):
    """Reads pods; gives up early on one that can never start, and does not wait for sidecars."""

    def read_pod(self, pod: V1Pod) -> V1Pod:
        """Return the pod as it is now.

        Raises:
            PodLaunchFailedException: when it can never start.
        """
        read = super().read_pod(pod)
        fault = hopeless(read)
        if fault is not None:
            raise PodLaunchFailedException(fault.problem)
        return read

    def await_pod_completion(
        self,
        pod: V1Pod,
        istio_enabled: bool = False,  # noqa: ARG002 - the manager's signature
        container_name: str = "base",
        do_xcom_push: bool = False,  # noqa: ARG002
    ) -> V1Pod:
        """Return the pod once the stage has ended. The pod may still have a sidecar that runs on.

        The pod's own phase follows within seconds; it says whether the node ended it.
        """
        until: float | None = None
        while True:
            read = self.read_pod(pod)
            if read.status.phase in PodPhase.terminal_states:
                return read
            if container_is_completed(read, container_name):
                until = until or time.monotonic() + _GRACE
                if time.monotonic() >= until:
                    return read
            time.sleep(_SLICE)


def _may_pass(error: ApiException | HTTPError) -> bool:
    if isinstance(error, HTTPError):
        return True
    return is_passing(refusal_of(error.status, error.body, ""))


def _short(error: Exception) -> str:
    """Return an error in a few words: the whole one may show what was sent."""
    if isinstance(error, ApiException):
        return f"{error.status} {error.reason}"
    return f"{type(error).__name__}: {error}"
