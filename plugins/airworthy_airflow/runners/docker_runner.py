"""A stage in a Docker container on this machine."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.runners import DockerSettings
from airworthy_airflow.runners.nested_operator import execute_nested
from airworthy_airflow.runners.stage_call import StageCall

if TYPE_CHECKING:
    from airflow.providers.docker.exceptions import DockerContainerFailedException
    from airflow.providers.docker.operators.docker import DockerOperator
    from airflow.sdk import Context
    from docker.types import Mount

RESULT = "/tmp/airworthy-result.json"  # noqa: S108 - in a container of its own
_MIB = 2**20


class DockerRunner:
    """Runs a stage by Airflow's `DockerOperator`. The container's log becomes the task's."""

    def __init__(self, call: StageCall) -> None:
        self._call = call
        self._operator: DockerOperator | None = None
        self._stopped = False

    def run(self, context: Context) -> dict[str, Any]:
        """Run the stage in a new container, remove the container, and return the stage's output.

        Raises:
            TerminalError: when the stage raised one, or there is no such image.
            TransientError: when a retry may help: the engine does not answer, or the container was
                killed or stopped.
        """
        from airflow.providers.docker.exceptions import DockerContainerFailedException
        from docker.errors import DockerException, NotFound
        from requests.exceptions import RequestException

        self._operator = self.operator(context)
        try:
            self._remove_orphans(self._operator, context)
            result = execute_nested(self._operator, context)
        except DockerContainerFailedException as error:
            raise failure_of(self._call, error) from None
        except NotFound as error:
            if self._stopped:
                raise self._lost("the container was stopped with its task") from None
            raise TerminalError(
                f"Docker does not have what the stage needs: {error.explanation or error}",
                model=self._call.model,
                stage=self._call.stage,
                received=self._operator.image,
                next_step="docker build, or docker pull",
            ) from None
        except (DockerException, RequestException) as error:
            raise self._lost(f"Docker could not run the stage: {error}") from None
        if not isinstance(result, dict):
            raise self._lost("the container left no result")
        return result

    def stop(self) -> None:
        """Stop the container and remove it."""
        self._stopped = True
        if self._operator is not None:
            self._operator.on_kill()

    def operator(self, context: Context) -> DockerOperator:
        """Return the stage's operator, not yet executed."""
        from airflow.providers.docker.operators.docker import DockerOperator

        settings = self._settings
        resources = settings.resources_of(self._call.stage)
        operator = DockerOperator(
            task_id=self._call.task_id,
            image=settings.image,
            command=self._call.command(RESULT),
            docker_url=settings.engine,
            network_mode=settings.network,
            user=settings.user or f"{os.getuid()}:{os.getgid()}",
            mounts=self._mounts(),
            mount_tmp_dir=False,
            # A user without an entry in the image's passwd file has no home.
            environment={"HOME": "/tmp", "AIRWORTHY_STATE": str(self._call.environment.state)},  # noqa: S108
            private_environment=self._call.variables(settings, private=True),
            cpus=resources.cpus or 1.0,
            mem_limit=resources.memory_mib and resources.memory_mib * _MIB,
            labels=_labels(self._call, context),
            auto_remove="force",
            # Standard output and error reach the log in no fixed order. The output comes in a file.
            retrieve_output=True,
            retrieve_output_path=RESULT,
        )
        # The operator reads the file with this module. The default would unpickle it.
        operator.pickling_library = json
        return operator

    @property
    def _settings(self) -> DockerSettings:
        settings = self._call.environment.docker
        assert settings is not None, "an environment that runs stages in docker has settings for it"
        return settings

    def _mounts(self) -> list[Mount]:
        from docker.types import Mount

        state = str(self._call.environment.state)
        mounts = [Mount(target=state, source=state, type="bind")]
        for text in self._settings.mounts:
            source, target, *mode = text.split(":")
            mounts.append(
                Mount(target=target, source=source, type="bind", read_only=mode == ["ro"])
            )
        return mounts

    def _remove_orphans(self, operator: DockerOperator, context: Context) -> None:
        """Remove containers of a killed try of the same task: their stage would run beside this one."""
        labels = [f"{key}={value}" for key, value in _labels(self._call, context).items()]
        for container in operator.cli.containers(all=True, filters={"label": labels}):
            operator.log.info(
                "removing the container %s of a try that was killed", container["Id"][:12]
            )
            operator.cli.remove_container(container["Id"], force=True)

    def _lost(self, problem: str) -> TransientError:
        return TransientError(
            problem,
            model=self._call.model,
            stage=self._call.stage,
            next_step="check that the Docker engine is up",
        )


def _labels(call: StageCall, context: Context) -> dict[str, str]:
    run = context["dag_run"]
    return {
        "airworthy.dag": str(run.dag_id),
        "airworthy.run": str(run.run_id),
        "airworthy.task": call.task_id,
    }


def failure_of(call: StageCall, error: DockerContainerFailedException) -> AirworthyError:
    """Return the error of a failed container. Its log may be missing, and its lines may be bytes."""
    log = [
        line if isinstance(line, str) else line.decode(errors="replace")
        for line in error.logs or ()
    ]
    return call.failure(_exit_code(error), log)


def _exit_code(error: DockerContainerFailedException) -> int:
    """Return the container's exit code; -1 when the operator's message has none."""
    match = re.search(r"'StatusCode': (\d+)", str(error))
    return int(match[1]) if match else -1
