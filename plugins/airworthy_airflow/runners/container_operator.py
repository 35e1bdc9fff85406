"""Airflow's `DockerOperator` for a stage: it can be stopped at any moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk.exceptions import AirflowException
from docker.errors import DockerException
from requests.exceptions import RequestException


class StoppedError(AirflowException):
    """The task was ended."""


class StageContainerOperator(DockerOperator):
    """Runs one container, unless the task was ended. It does not remove it: see `remove`.

    Args:
        is_stopped: Tells whether the task was ended.
        kwargs: Arguments of Airflow's operator.
    """

    def __init__(self, *, is_stopped: Callable[[], bool], **kwargs: Any) -> None:
        self._container: dict[str, str] | None = None
        super().__init__(**kwargs)
        self.is_stopped = is_stopped

    @property  # type: ignore[override]  # Airflow has a plain attribute
    def container(self) -> dict[str, str] | None:
        """The container of the engine's answer; None: none was created."""
        return self._container

    @container.setter
    def container(self, container: dict[str, str] | None) -> None:
        """Keep the container. A task that was ended while it was created never starts it.

        Raises:
            StoppedError: when the task was ended.
        """
        self._container = container
        if container is not None and self.is_stopped():
            raise StoppedError("the task was ended")

    def _run_image(self) -> list[str] | str | None:
        """Run the container.

        Raises:
            StoppedError: when the task was ended, for example while the image was pulled.
        """
        if self.is_stopped():
            raise StoppedError("the task was ended")
        return super()._run_image()

    def ran_out_of_memory(self) -> bool:
        """Return whether the engine ended the container over its memory limit."""
        if self._container is None:
            return False
        try:
            state = self.cli.inspect_container(self._container["Id"]).get("State") or {}
        except (DockerException, RequestException):
            return False
        return bool(state.get("OOMKilled"))

    def remove(self) -> None:
        """Remove the container, running or not; without one, do nothing."""
        if self._container is None:
            return
        # A retry removes what an engine that is down keeps.
        with suppress(DockerException, RequestException):
            self.cli.remove_container(self._container["Id"], force=True)
        self._container = None

    def close(self) -> None:
        """Close the connections to the engine."""
        if self.hook.client_created:
            self.cli.close()
