"""Runners of a stage: in the task's own process, or in a container by Airflow's own operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from airworthy_airflow.runners.stage_call import StageCall

if TYPE_CHECKING:
    from airflow.sdk import Context


class Runner(Protocol):
    """Runs one stage once."""

    def run(self, context: Context) -> dict[str, Any]:
        """Run the stage and return its output as JSON.

        Raises:
            TerminalError: when a retry cannot help.
            TransientError: when a retry may help.
        """

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the output of a stage that the task waited for in the triggerer; see `run`.

        Args:
            context: The task's context.
            event: The event of the trigger.
        """

    def stop(self) -> None:
        """End the stage early and leave nothing of it running; before `run`, let it never begin."""


def runner_for(call: StageCall) -> Runner:
    """Return the runner that the environment names for the stage."""
    name = call.environment.runner_of(call.stage)
    if name == "docker":
        from airworthy_airflow.runners.docker_runner import DockerRunner

        return DockerRunner(call)
    if name == "kubernetes":
        from airworthy_airflow.runners.kubernetes_runner import KubernetesRunner

        return KubernetesRunner(call)
    from airworthy_airflow.runners.inline_runner import InlineRunner

    return InlineRunner(call)
