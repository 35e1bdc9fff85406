"""A stage in the task's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airworthy_airflow.runners.stage_call import StageCall

if TYPE_CHECKING:
    from airflow.sdk import Context


class InlineRunner:
    """Calls the stage. Airflow ends the process when the task is ended."""

    def __init__(self, call: StageCall) -> None:
        self._call = call

    def run(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - a runner's signature
        """Run the stage and return its output as JSON."""
        from airworthy.stages import run_stage

        return run_stage(self._call.stage, self._call.payload)

    def resume(
        self,
        context: Context,
        event: dict[str, Any],  # noqa: ARG002 - a runner's signature
    ) -> dict[str, Any]:
        """Run the stage: what it was deferred for was another runner's."""
        return self.run(context)

    def stop(self) -> None:
        """Do nothing: the stage ends with the process."""
