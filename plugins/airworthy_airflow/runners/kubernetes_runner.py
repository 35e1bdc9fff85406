"""A stage in a Kubernetes pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from airworthy.errors import TerminalError, TransientError
from airworthy.runners import KubernetesSettings, Resources
from airworthy_airflow.runners.nested_operator import execute_nested
from airworthy_airflow.runners.stage_call import StageCall

if TYPE_CHECKING:
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
    from airflow.sdk import Context
    from kubernetes.client import V1EnvFromSource, V1Pod, V1ResourceRequirements

RESULT = "/airflow/xcom/return.json"
_REFUSED = frozenset({400, 401, 403, 404, 409, 422})


class KubernetesRunner:
    """Runs a stage by Airflow's `KubernetesPodOperator`. It takes up the pod of a killed try."""

    def __init__(self, call: StageCall) -> None:
        self._call = call
        self._operator: KubernetesPodOperator | None = None

    def run(self, context: Context) -> dict[str, Any]:
        """Run the stage in a pod, delete the pod, and return the stage's output.

        Raises:
            TerminalError: when the stage raised one, or the cluster refuses the pod.
            TransientError: when a retry may help: the cluster does not answer, or the pod was
                evicted or killed.
        """
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        self._operator = self.operator()
        try:
            result = execute_nested(self._operator, context)
        except ApiException as error:
            kind = TerminalError if error.status in _REFUSED else TransientError
            raise kind(f"the cluster refuses the pod: {error.reason}", **self._where) from None
        except (AirflowException, HTTPError) as error:
            ended = exit_code_of(self._operator.remote_pod, self._operator.base_container_name)
            if ended is None:
                raise TransientError(f"the pod did not finish: {error}", **self._where) from None
            raise self._call.failure(ended, str(error).splitlines()) from None
        if not isinstance(result, dict):
            raise TransientError("the pod left no result", **self._where)
        return result

    def stop(self) -> None:
        """Delete the pod."""
        if self._operator is not None:
            self._operator.on_kill()

    def operator(self) -> KubernetesPodOperator:
        """Return the stage's operator, not yet executed."""
        from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

        settings = self._settings
        return KubernetesPodOperator(
            task_id=self._call.task_id,
            kubernetes_conn_id=settings.connection,
            in_cluster=settings.in_cluster,
            namespace=settings.namespace,
            name=f"airworthy-{self._call.stage}-{self._call.model}".replace("_", "-"),
            random_name_suffix=True,
            image=settings.image,
            # Arguments, and no command: the image's entrypoint passes signals on to the stage.
            arguments=self._call.command(RESULT),
            # A pod's specification shows every value. With Secrets, secret values come from them
            # alone.
            env_vars=self._call.variables(settings, with_secrets=bool(settings.secrets)),
            env_from=[_from_secret(name) for name in settings.secrets],
            service_account_name=settings.service_account,
            container_resources=_requirements(settings.resources_of(self._call.stage)),
            pod_template_file=str(settings.pod_template)
            if settings.pod_template is not None
            else None,
            startup_timeout_seconds=int(settings.startup_timeout.total_seconds()),
            do_xcom_push=True,
            deferrable=False,
            # The end of the log becomes the pod's termination message: the error gets here by it.
            termination_message_policy="FallbackToLogsOnError",
            log_events_on_failure=True,
            # The specification holds the values of variables.
            log_pod_spec_on_failure=False,
            on_finish_action="delete_pod",
        )

    @property
    def _settings(self) -> KubernetesSettings:
        settings = self._call.environment.kubernetes
        assert settings is not None, (
            "an environment that runs stages in kubernetes has settings for it"
        )
        return settings

    @property
    def _where(self) -> dict[str, Any]:
        return {
            "model": self._call.model,
            "stage": self._call.stage,
            "received": f"namespace {self._settings.namespace}",
            "next_step": "look at the pod's events in the task's log",
        }


def exit_code_of(pod: V1Pod | None, container: str) -> int | None:
    """Return the exit code of a pod's container. None: it was evicted or never started."""
    statuses = (
        (pod.status.container_statuses or []) if pod is not None and pod.status is not None else []
    )
    for status in statuses:
        if (
            status.name == container
            and status.state is not None
            and status.state.terminated is not None
        ):
            return int(status.state.terminated.exit_code)
    return None


def _from_secret(name: str) -> V1EnvFromSource:
    from kubernetes.client import V1EnvFromSource, V1SecretEnvSource

    return V1EnvFromSource(secret_ref=V1SecretEnvSource(name=name))


def _requirements(resources: Resources) -> V1ResourceRequirements | None:
    from kubernetes.client import V1ResourceRequirements

    amounts: dict[str, str] = {}
    if resources.cpus is not None:
        amounts["cpu"] = f"{resources.cpus:g}"
    if resources.memory_mib is not None:
        amounts["memory"] = f"{resources.memory_mib}Mi"
    return V1ResourceRequirements(requests=amounts, limits=amounts) if amounts else None
