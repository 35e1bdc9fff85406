"""A stage in a Kubernetes pod."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airworthy.errors import AirworthyError, TerminalPlaceError, TransientPlaceError
from airworthy.runners import KubernetesSettings
from airworthy.spec.fields import format_duration
from airworthy.stage_results import read_result, remove_result
from airworthy_airflow.runners.container_errors import container_error
from airworthy_airflow.runners.nested_operator import execute_nested
from airworthy_airflow.runners.place_fault import PlaceFault
from airworthy_airflow.runners.pod_deaths import death_of, exit_code_of, last_words
from airworthy_airflow.runners.pod_reach import require_reach
from airworthy_airflow.runners.pod_refusals import refusal_of
from airworthy_airflow.runners.pod_specification import (
    CONTAINER,
    INPUT,
    pod_arguments,
    pod_template,
    pod_variables,
)
from airworthy_airflow.runners.secrets_of_logs import mask_variables
from airworthy_airflow.runners.stage_call import StageCall
from airworthy_airflow.runners.tries import is_retry

if TYPE_CHECKING:
    from airflow.sdk import Context
    from kubernetes.client import V1Pod

    from airworthy_airflow.runners.pod_operator import EndedPod, StagePodOperator

_START_INTERVAL = 1
"""Seconds between two looks at a pod that has not started."""
_LOGGING_INTERVAL = 5
"""Seconds between two looks of the triggerer at a pod's log."""


class KubernetesRunner:
    """Runs a stage by Airflow's `KubernetesPodOperator`. It takes up the pod of a killed worker."""

    def __init__(self, call: StageCall) -> None:
        self._call = call
        self._operator: StagePodOperator | None = None
        self._stopped = False

    def run(self, context: Context) -> dict[str, Any]:
        """Run the stage in a pod, delete the pod, and return the stage's output.

        Raises:
            TerminalError: when the stage raised one. A `TerminalPlaceError`: the cluster cannot run
                it.
            TransientError: when a retry may help: the cluster does not answer, or the pod was
                evicted or killed.
            TaskDeferred: when the task waits for the pod in the triggerer.
        """
        settings = self._settings
        require_reach(self._call, settings, pod_template(self._call, settings))
        return self._conclude(lambda operator: execute_nested(operator, context))

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the output of the stage whose pod the triggerer has watched; see `run`.

        Args:
            context: The task's context.
            event: The event of the trigger.
        """
        return self._conclude(lambda operator: operator.trigger_reentry(context, event))

    def stop(self) -> None:
        """Delete the pod; if there is none yet, there never will be."""
        self._stopped = True
        if self._operator is not None:
            self._operator.on_kill()

    def operator(self) -> StagePodOperator:
        """Return the stage's operator, not yet executed.

        Raises:
            TerminalPlaceError: when the pod's template cannot be used.
        """
        from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import add_unique_suffix

        from airworthy_airflow.runners.pod_operator import StagePodOperator

        settings = self._settings
        name = f"airworthy-{self._call.stage}-{self._call.model}".replace("_", "-")
        return StagePodOperator(
            task_id=self._call.task_id,
            is_stopped=lambda: self._stopped,
            may_adopt=self._may_adopt,
            kubernetes_conn_id=settings.connection,
            in_cluster=settings.in_cluster,
            **pod_arguments(self._call, settings, add_unique_suffix(name=name)),
            startup_timeout_seconds=int(settings.startup_timeout.total_seconds()),
            startup_check_interval_seconds=_START_INTERVAL,
            deferrable=settings.deferrable and self._call.may_defer,
            logging_interval=_LOGGING_INTERVAL,
            # The output comes by the lake: no second container, and no image of another registry.
            do_xcom_push=False,
            # The stage writes its error into the termination message. One that cannot leaves its log.
            termination_message_policy="FallbackToLogsOnError",
            # The specification holds the values of variables.
            log_pod_spec_on_failure=False,
            on_finish_action="delete_pod",
        )

    def _may_adopt(self, pod: V1Pod, context: Context) -> bool:
        """Return whether a pod is that of a killed worker, and works on the same input."""
        instance, retries = context["ti"], getattr(context.get("task"), "retries", 0) or 0
        containers = {each.name: each.image for each in pod.spec.containers}
        return (
            is_retry(instance.try_number, instance.max_tries, retries)
            and pod.metadata.deletion_timestamp is None
            and (pod.metadata.annotations or {}).get(INPUT) == self._call.input_digest
            and containers.get(CONTAINER) == self._settings.image
            and pod.status.phase != "Failed"
        )

    def _conclude(self, step: Callable[[StagePodOperator], object]) -> dict[str, Any]:
        from airflow.sdk.exceptions import AirflowException
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        mask_variables(pod_variables(self._call, self._settings))
        operator = self._operator = self.operator()
        failure: Exception | None = None
        try:
            step(operator)
        except (ApiException, AirflowException, HTTPError, ConfigException) as error:
            failure = error
        operator.conclude()
        if operator.ended is None:
            raise self._never_seen(failure) from None
        return self._result_of(operator.ended, failure)

    def _result_of(self, ended: EndedPod, failure: Exception | None) -> dict[str, Any]:
        environment, run = self._call.environment, self._call.payload["run"]
        if self._stopped:
            raise self._ended_task()
        code = 0 if _may_have_succeeded(ended.pod) else exit_code_of(ended.pod, CONTAINER)
        result = read_result(environment, run, ended.name) if code == 0 else None
        if result is None:
            raise self._error_of(ended, code, failure) from None
        # The task has it. What remains is removed with the run's evidence.
        with suppress(AirworthyError):
            remove_result(environment, run, ended.name)
        return result

    def _error_of(
        self, ended: EndedPod, code: int | None, failure: Exception | None
    ) -> AirworthyError:
        """Return the error of a pod that left no result."""
        settings = self._settings
        limits = [format_duration(each) for each in (settings.startup_timeout, settings.deadline)]
        fault = death_of(ended.pod, ended.warnings, CONTAINER, *limits)
        if fault is None and code:
            words = last_words(ended.pod, CONTAINER)
            return container_error(self._call.model, self._call.stage, code, words)
        if fault is None and code == 0:
            fault = PlaceFault(
                "the stage's pod ended well and left no result beside the lake",
                "check that the pod and Airflow name the same lake, and the image's version",
            )
        return self._as_error(fault or _lost(failure))

    def _never_seen(self, failure: Exception | None) -> AirworthyError:
        """Return the error of a pod that was not created, or that the cluster does not show."""
        from airflow.sdk.exceptions import AirflowNotFoundException
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException

        if self._stopped:
            return self._ended_task()
        if isinstance(failure, ApiException):
            return self._as_error(
                refusal_of(failure.status, failure.body, self._settings.namespace)
            )
        if isinstance(failure, AirflowNotFoundException | ConfigException):
            return TerminalPlaceError(
                "Airflow has no way to the cluster",
                **self._where,
                received=str(failure),
                next_step="add the Airflow connection kubernetes.connection; in the cluster itself: "
                "kubernetes.in_cluster: true",
            )
        return self._as_error(_lost(failure))

    def _as_error(self, fault: PlaceFault) -> AirworthyError:
        return fault.error(self._call.model, self._call.stage)

    def _ended_task(self) -> AirworthyError:
        return TransientPlaceError("the task was ended, and its pod with it", **self._where)

    @property
    def _where(self) -> dict[str, Any]:
        return {"model": self._call.model, "stage": self._call.stage}

    @property
    def _settings(self) -> KubernetesSettings:
        settings = self._call.environment.kubernetes
        assert settings is not None, (
            "an environment that runs stages in kubernetes has settings for it"
        )
        return settings


def _may_have_succeeded(pod: V1Pod | None) -> bool:
    """Return whether a pod succeeded, or is gone: a cluster may remove one that succeeded at once."""
    return pod is None or pod.status.phase == "Succeeded"


def _lost(failure: Exception | None) -> PlaceFault:
    from airworthy_airflow.runners.pod_operator import LostSightError

    if isinstance(failure, LostSightError):
        return PlaceFault(
            " ".join(str(failure).split())[:500],
            "give the triggerer the right to get pods and pods/log, or say kubernetes.deferrable: "
            "false",
        )
    return PlaceFault(
        "the cluster does not answer, so the end of the pod is not known",
        "check the cluster's API server; a retry takes the pod up again",
        received=None if failure is None else " ".join(str(failure).split())[:500],
    )
