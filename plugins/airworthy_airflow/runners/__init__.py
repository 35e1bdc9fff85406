"""Where a stage runs: in the task's own process, or in a container, by Airflow's own operators for those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from airworthy_airflow.runners.stage_call import StageCall

if TYPE_CHECKING:
    from airflow.sdk import Context


class Place(Protocol):
    """Runs one stage once."""

    def run(self, context: Context) -> dict[str, Any]:
        """Run the stage and return what it hands over, as JSON.

        Raises:
            TerminalError: when trying again cannot help.
            TransientError: when it may.
        """

    def stop(self) -> None:
        """End the stage early, and leave nothing of it running."""


def place_for(call: StageCall) -> Place:
    """Return the place that the environment names for the stage."""
    place = call.environment.place_of(call.stage)
    if place == "docker":
        from airworthy_airflow.runners.docker_runner import DockerPlace

        return DockerPlace(call)
    if place == "kubernetes":
        from airworthy_airflow.runners.kubernetes_runner import KubernetesPlace

        return KubernetesPlace(call)
    from airworthy_airflow.runners.inline_runner import InlinePlace

    return InlinePlace(call)
