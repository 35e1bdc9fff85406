"""The part of an environment file on runners: the caller's process, Docker or Kubernetes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from airworthy.spec.fields import Duration, Part

RunnerName = Literal["inline", "docker", "kubernetes"]
RUNNERS: tuple[RunnerName, ...] = ("inline", "docker", "kubernetes")
DEFAULT = "default"
NonEmptyText = Annotated[str, Field(min_length=1)]


class Resources(Part):
    """The limits of a stage: CPUs, and memory in MiB (2 ** 20 bytes). More memory ends it."""

    cpus: Annotated[float, Field(gt=0.0)] | None = None
    memory_mib: Annotated[int, Field(ge=64)] | None = None


class ContainerSettings(Part):
    """Settings of both Docker and Kubernetes.

    `variables` are names of environment variables passed from the caller to a container, besides
    those named in the environment file. `resources` are by stage; ``default`` is for all other
    stages.
    """

    image: NonEmptyText
    variables: list[NonEmptyText] = Field(default_factory=list)
    resources: dict[str, Resources] = Field(default_factory=dict)

    def resources_of(self, stage: str) -> Resources:
        """Return the limits of a stage."""
        return self.resources.get(stage) or self.resources.get(DEFAULT) or Resources()


class DockerSettings(ContainerSettings):
    """A Docker engine on the caller's machine; the state folder has the same path in containers.

    `engine` is the engine's address (None: ``DOCKER_HOST``, else the local socket), `network` the
    containers' network mode. `mounts` are further folders, ``source:target`` or
    ``source:target:ro``. `user` is ``uid:gid`` (None: the caller, the owner of the files in the
    state folder).
    """

    engine: str | None = None
    network: str | None = None
    mounts: list[Annotated[str, Field(pattern=r"^[^:]+:/[^:]*(:ro)?$")]] = Field(
        default_factory=list
    )
    user: str | None = None


class KubernetesSettings(ContainerSettings):
    """A cluster, through an Airflow connection or from within.

    `secrets` are names of Secrets; their keys become environment variables. A pod's specification
    shows the values of variables, but only the names of Secrets. So with Secrets, a pod gets only
    `variables` from its caller. `pod_template` is a file with a pod as the base of these settings:
    volumes, node selectors, tolerations. `startup_timeout` is the maximum time to pull an image and
    to start.
    """

    namespace: NonEmptyText
    connection: str = "kubernetes_default"
    in_cluster: bool | None = None
    service_account: str | None = None
    secrets: list[NonEmptyText] = Field(default_factory=list)
    pod_template: Path | None = None
    startup_timeout: Duration = timedelta(seconds=600)
