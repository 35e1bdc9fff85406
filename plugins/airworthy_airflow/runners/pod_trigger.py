"""The trigger that waits for a stage's pod, and gives up early on one that can never start."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import PodLaunchFailedException
from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger
from airflow.providers.cncf.kubernetes.utils.pod_manager import AsyncPodManager

from airworthy_airflow.runners.pod_deaths import hopeless

if TYPE_CHECKING:
    from kubernetes_asyncio.client.models import V1Pod


class StagePodTrigger(KubernetesPodTrigger):
    """Airflow's trigger, with an early end for a pod that waits for what will never come."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments."""
        _, arguments = super().serialize()
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    @cached_property
    def pod_manager(self) -> AsyncPodManager:
        """The reader of pods in the triggerer."""
        return _AsyncPodManager(async_hook=self.hook)


class _AsyncPodManager(AsyncPodManager):
    async def read_pod(self, pod: V1Pod) -> V1Pod:
        """Return the pod as it is now.

        Raises:
            PodLaunchFailedException: when it can never start.
        """
        read: V1Pod = await super().read_pod(pod)
        fault = hopeless(read)
        if fault is not None:
            raise PodLaunchFailedException(fault.problem)
        return read
