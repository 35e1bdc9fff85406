"""The specification of a stage's pod, as arguments of Airflow's operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from airworthy.errors import TerminalPlaceError
from airworthy.runners import KubernetesSettings, PodResources
from airworthy_airflow.runners.stage_call import StageCall

if TYPE_CHECKING:
    from kubernetes.client import V1EnvFromSource, V1ResourceRequirements, V1Toleration

INPUT = "airworthy.input"
"""The annotation with the digest of the input."""
ERROR_FILE = "/dev/termination-log"
"""Kubernetes keeps this file as the container's termination message."""
CONTAINER = "base"
# What the Pod Security Standard "restricted" asks.
_POD_SECURITY = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_CONTAINER_SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def pod_arguments(call: StageCall, settings: KubernetesSettings, name: str) -> dict[str, Any]:
    """Return the arguments of the operator that make the specification of a stage's pod.

    Args:
        call: The call of the stage.
        settings: The settings of the cluster.
        name: The pod's name.

    Raises:
        TerminalPlaceError: when the pod's template cannot be used, or the input is too long.
    """
    template = pod_template(call, settings)
    resources = settings.resources_of(call.stage)
    return {
        "name": name,
        "random_name_suffix": False,
        "namespace": settings.namespace,
        "labels": {**settings.labels, **_labels(call)},
        "annotations": {**settings.annotations, INPUT: call.input_digest},
        "image": settings.image,
        # Arguments, and no command: the image's entrypoint passes signals on to the stage.
        "arguments": call.command(f"handover:{name}", ERROR_FILE),
        # A pod's specification shows every value. With Secrets, secret values come from them alone.
        "env_vars": pod_variables(call, settings),
        "env_from": [_from_secret(each) for each in settings.secrets],
        "configmaps": settings.config_maps,
        "service_account_name": settings.service_account,
        "container_resources": requirements(resources, settings.gpu_resource),
        "node_selector": resources.node_selector,
        "tolerations": [_toleration(each.model_dump()) for each in resources.tolerations],
        "priority_class_name": resources.priority_class,
        "image_pull_secrets": _references(settings.pull_secrets),
        "active_deadline_seconds": int(settings.deadline.total_seconds()),
        "pod_template_dict": template,
        **_unless_of_template(settings, template or {}),
    }


def pod_variables(call: StageCall, settings: KubernetesSettings) -> dict[str, str]:
    """Return the variables in a pod's specification."""
    given = call.variables(settings, with_secrets=bool(settings.secrets))
    return {"AIRWORTHY_STATE": settings.state, **given}


def pod_template(call: StageCall, settings: KubernetesSettings) -> dict[str, Any] | None:
    """Return the pod of the template's file; None: the settings name none.

    Raises:
        TerminalPlaceError: when there is no such file, or it is no pod.
    """
    if settings.pod_template is None:
        return None
    path = call.environment.project / settings.pod_template
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _of_template(call, f"cannot be read: {error.strerror or error}", path) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _of_template(call, f"is not YAML: {' '.join(str(error).split())}", path) from None
    if not isinstance(content, dict) or content.get("kind") != "Pod":
        raise _of_template(call, "is no Pod", path)
    _require_pod(call, content, path)
    return content


def _require_pod(call: StageCall, content: dict[str, Any], path: Any) -> None:
    """Refuse a template that Kubernetes' own classes cannot read."""
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

    try:
        pod = PodGenerator.deserialize_model_dict(content)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise _of_template(call, f"is no Pod: {error}", path) from None
    if pod.spec is None or not pod.spec.containers:
        raise _of_template(call, "has no container", path)


def _of_template(call: StageCall, problem: str, path: Any) -> TerminalPlaceError:
    return TerminalPlaceError(
        f"the pod template {problem}",
        model=call.model,
        stage=call.stage,
        received=str(path),
        allowed="a file with a Kubernetes Pod; a relative path is below the project's folder",
        next_step="correct kubernetes.pod_template in the environment's file",
    )


def _unless_of_template(settings: KubernetesSettings, template: dict[str, Any]) -> dict[str, Any]:
    """Return the careful defaults for what neither the settings nor the template say."""
    spec = template.get("spec") or {}
    container = next(iter(spec.get("containers") or ()), None) or {}
    pod_security = settings.pod_security_context or (
        None if "securityContext" in spec else _POD_SECURITY
    )
    security = settings.security_context or (
        None if "securityContext" in container else _CONTAINER_SECURITY
    )
    policy = settings.pull_policy or (
        # A name without a tag would be pulled always, and an image of the node never be found.
        None if "imagePullPolicy" in container else "IfNotPresent"
    )
    token = None if "automountServiceAccountToken" in spec else False
    return {
        "security_context": pod_security,
        "container_security_context": security,
        "image_pull_policy": policy,
        "automount_service_account_token": token,
    }


def _labels(call: StageCall) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "airworthy",
        "app.kubernetes.io/component": "stage",
        "airworthy.model": call.model,
        "airworthy.stage": call.stage,
        "airworthy.environment": _label(call.environment.name),
    }


def _label(text: str) -> str:
    from airflow.providers.cncf.kubernetes.pod_generator import make_safe_label_value

    return make_safe_label_value(text)


def _from_secret(name: str) -> V1EnvFromSource:
    from kubernetes.client import V1EnvFromSource, V1SecretEnvSource

    return V1EnvFromSource(secret_ref=V1SecretEnvSource(name=name))


def _references(names: list[str]) -> list[Any]:
    from kubernetes.client import V1LocalObjectReference

    return [V1LocalObjectReference(name=name) for name in names]


def _toleration(words: dict[str, Any]) -> V1Toleration:
    from kubernetes.client import V1Toleration

    return V1Toleration(**words)


def requirements(resources: PodResources, gpu: str) -> V1ResourceRequirements | None:
    """Return the limits of a stage; what it asks for is what it may have.

    Args:
        resources: The limits.
        gpu: The cluster's name of a GPU.
    """
    from kubernetes.client import V1ResourceRequirements

    amounts: dict[str, str] = {}
    if resources.cpus is not None:
        amounts["cpu"] = f"{resources.cpus:g}"
    if resources.memory_mib is not None:
        amounts["memory"] = f"{resources.memory_mib}Mi"
    if resources.disk is not None:
        amounts["ephemeral-storage"] = resources.disk
    if resources.gpus is not None:
        amounts[gpu] = str(resources.gpus)
    return V1ResourceRequirements(requests=amounts, limits=amounts) if amounts else None
