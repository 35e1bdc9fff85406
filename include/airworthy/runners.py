"""The part of an environment file on runners: the caller's process, Docker or Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, JsonValue, field_validator

from airworthy.spec.fields import Duration, Part, Violation, violation_error

RunnerName = Literal["inline", "docker", "kubernetes"]
RUNNERS: tuple[RunnerName, ...] = ("inline", "docker", "kubernetes")
DEFAULT = "default"
OF_IMAGE = ("AIRWORTHY_GIT_COMMIT", "AIRWORTHY_LOCK_DIGEST")
"""An image says its own commit and libraries. Another one's would make the evidence wrong."""
NonEmptyText = Annotated[str, Field(min_length=1)]
_Names = TypeVar("_Names", list[str], dict[str, str])


Quantity = Annotated[str, Field(pattern=r"^[0-9.]+(m|[kKMGTPE]i?)?$")]


class Resources(Part):
    """The limits of a stage: CPUs, memory in MiB (2 ** 20 bytes), GPUs. More memory ends it."""

    cpus: Annotated[float, Field(gt=0.0)] | None = None
    memory_mib: Annotated[int, Field(ge=64)] | None = None
    gpus: Annotated[int, Field(ge=1)] | None = None


class Toleration(Part):
    """A taint of nodes that a stage's pod may run on all the same; Kubernetes' own words."""

    key: str | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None


class PodResources(Resources):
    """The limits of a stage's pod, and the nodes that it may run on.

    `disk` is ephemeral storage, such as ``10Gi``: a node evicts a pod that writes more. With
    `node_selector` and `tolerations` a pod runs on nodes for it alone. `priority_class` is the name
    of a PriorityClass of the cluster.
    """

    disk: Quantity | None = None
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: list[Toleration] = Field(default_factory=list)
    priority_class: str | None = None


class ContainerSettings(Part):
    """Settings of both Docker and Kubernetes.

    `variables` are names of environment variables passed from the caller to a container, besides
    those named in the environment file. `environment` has variables with values of their own, such
    as an address by which containers reach a service. `resources` are by stage; ``default`` is for
    all other stages.
    """

    image: NonEmptyText
    variables: list[NonEmptyText] = Field(default_factory=list)
    environment: dict[NonEmptyText, str] = Field(default_factory=dict)
    resources: Mapping[str, Resources] = Field(default_factory=dict)

    @field_validator("variables", "environment")
    @classmethod
    def _leave_the_images_own(cls, names: _Names) -> _Names:
        own = [name for name in names if name in OF_IMAGE]
        if own:
            raise violation_error(
                Violation((), "the image says this of itself", own[0], "another variable")
            )
        return names


class DockerSettings(ContainerSettings):
    """A Docker engine on the caller's machine; the state folder has the same path in containers.

    `engine` is the engine's address (None: ``DOCKER_HOST``, else the local socket), `network` the
    containers' network mode. `mounts` are further folders, ``source:target`` or
    ``source:target:ro``; a relative source is below the project's folder. `user` is ``uid:gid``
    (None: the caller, the owner of the files in the state folder).
    """

    resources: dict[str, Resources] = Field(default_factory=dict)
    engine: str | None = None
    network: str | None = None
    mounts: list[Annotated[str, Field(pattern=r"^[^:]+:/[^:]*(:ro)?$")]] = Field(
        default_factory=list
    )
    user: str | None = None

    def resources_of(self, stage: str) -> Resources:
        """Return the limits of a stage."""
        return self.resources.get(stage) or self.resources.get(DEFAULT) or Resources()


class KubernetesSettings(ContainerSettings):
    """A cluster, through an Airflow connection or from within.

    `secrets` are names of Secrets; their keys become environment variables. A pod's specification
    shows the values of variables, but only the names of Secrets. So with Secrets, a pod gets only
    `variables` and `environment` from its caller. `config_maps` are names of ConfigMaps with further
    variables. `pod_template` is a file with a pod as the base
    of these settings, such as for volumes; a relative path is below the project's folder.

    `startup_timeout` is the maximum time to find room, to pull an image and to start; `deadline` is
    that of the whole pod. With `deferrable`, a task waits in Airflow's triggerer and holds no
    worker. `pull_policy` (None: the template's, else ``IfNotPresent``) and `pull_secrets` are for
    images of a registry. `security_context` is the container's and `pod_security_context` the
    pod's, in Kubernetes' own words; without them, and without any in the template, they are what
    the Pod Security Standard *restricted* asks. `labels` and `annotations` are added to the pods.
    `state` is the state folder in a pod. `gpu_resource` is the cluster's name of a GPU.
    """

    namespace: NonEmptyText
    resources: dict[str, PodResources] = Field(default_factory=dict)
    connection: str = "kubernetes_default"
    in_cluster: bool | None = None
    service_account: str | None = None
    secrets: list[NonEmptyText] = Field(default_factory=list)
    config_maps: list[NonEmptyText] = Field(default_factory=list)
    pod_template: Path | None = None
    startup_timeout: Duration = timedelta(seconds=600)
    deadline: Duration = timedelta(days=1)
    deferrable: bool = True
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    pull_secrets: list[NonEmptyText] = Field(default_factory=list)
    security_context: dict[str, JsonValue] | None = None
    pod_security_context: dict[str, JsonValue] | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    state: NonEmptyText = "/var/lib/airworthy"
    gpu_resource: NonEmptyText = "nvidia.com/gpu"

    def resources_of(self, stage: str) -> PodResources:
        """Return the limits of a stage, and its nodes."""
        return self.resources.get(stage) or self.resources.get(DEFAULT) or PodResources()
