"""Where stages run: in the caller's process, in Docker or in Kubernetes. A part of an environment file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from airworthy.spec.fields import Duration, Part

RunnerName = Literal["inline", "docker", "kubernetes"]
RUNNERS: tuple[RunnerName, ...] = ("inline", "docker", "kubernetes")
DEFAULT = "default"
Named = Annotated[str, Field(min_length=1)]


class Resources(Part):
    """What a stage may use: CPUs, and memory in MiB (2 ** 20 bytes), beyond which it is ended."""

    cpus: Annotated[float, Field(gt=0.0)] | None = None
    memory_mib: Annotated[int, Field(ge=64)] | None = None


class ContainerSettings(Part):
    """What Docker and Kubernetes are told alike.

    `variables` are names of environment variables that a container gets from the caller, beside those that the
    environment file names. `resources` are by stage; ``default`` is for those that are not named.
    """

    image: Named
    variables: list[Named] = Field(default_factory=list)
    resources: dict[str, Resources] = Field(default_factory=dict)

    def resources_of(self, stage: str) -> Resources:
        """Return what a stage may use."""
        return self.resources.get(stage) or self.resources.get(DEFAULT) or Resources()


class DockerSettings(ContainerSettings):
    """A Docker engine on the caller's machine: its containers see the state folder under the same path.

    `engine` is the engine's address (None: ``DOCKER_HOST``, else the local socket), `network` the containers' network
    mode, `mounts` are further ``source:target`` or ``source:target:ro`` folders, `user` is ``uid:gid`` (None: the
    caller's own, to whom the files in the state folder belong).
    """

    engine: str | None = None
    network: str | None = None
    mounts: list[Annotated[str, Field(pattern=r"^[^:]+:/[^:]*(:ro)?$")]] = Field(
        default_factory=list
    )
    user: str | None = None


class KubernetesSettings(ContainerSettings):
    """A cluster, reached through an Airflow connection or from within.

    `secrets` are names of Secrets whose keys become environment variables. A pod's specification shows the values of
    variables, and of Secrets the names alone: where there are Secrets, a pod gets from its caller none but `variables`.
    `pod_template` is a file with a pod that all of this is laid over: volumes, node selectors, tolerations.
    `startup_timeout` is how long an image may take to be there and to start.
    """

    namespace: Named
    connection: str = "kubernetes_default"
    in_cluster: bool | None = None
    service_account: str | None = None
    secrets: list[Named] = Field(default_factory=list)
    pod_template: Path | None = None
    startup_timeout: Duration = timedelta(seconds=600)
