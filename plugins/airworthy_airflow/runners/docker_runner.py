"""A stage in a Docker container on this machine."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airworthy.errors import AirworthyError, TerminalPlaceError, TransientPlaceError
from airworthy.runners import DockerSettings, Resources
from airworthy_airflow.runners.container_errors import container_error
from airworthy_airflow.runners.nested_operator import execute_nested
from airworthy_airflow.runners.secrets_of_logs import mask_variables
from airworthy_airflow.runners.stage_call import StageCall

if TYPE_CHECKING:
    from airflow.providers.docker.exceptions import DockerContainerFailedException
    from airflow.sdk import Context
    from docker.types import DeviceRequest, Mount

    from airworthy_airflow.runners.container_operator import StageContainerOperator

RESULT = "/tmp/airworthy-result.json"  # noqa: S108 - in a container of its own
_MIB = 2**20


class DockerRunner:
    """Runs a stage by Airflow's `DockerOperator`. The container's log becomes the task's."""

    def __init__(self, call: StageCall) -> None:
        self._call = call
        self._operator: StageContainerOperator | None = None
        self._stopped = False

    def run(self, context: Context) -> dict[str, Any]:
        """Run the stage in a new container, remove the container, and return the stage's output.

        Raises:
            TerminalError: when the stage raised one. A `TerminalPlaceError`: there is no such image,
                or the stage needs more memory than its limit.
            TransientError: when a retry may help: the engine does not answer, or the container was
                killed or stopped.
        """
        from airflow.providers.docker.exceptions import DockerContainerFailedException
        from docker.errors import DockerException, NotFound
        from requests.exceptions import RequestException

        from airworthy_airflow.runners.container_operator import StoppedError

        operator = self._operator = self.operator(context)
        mask_variables({**operator.environment, **operator._private_environment})
        try:
            self._remove_orphans(operator, context)
            result = execute_nested(operator, context)
        except StoppedError:
            raise self._lost(_ENDED) from None
        except DockerContainerFailedException as error:
            raise self._error_of(operator, error) from None
        except NotFound as error:
            raise self._missing(operator, error.explanation or str(error)) from None
        except (DockerException, RequestException) as error:
            raise self._lost(f"Docker could not run the stage: {error}") from None
        finally:
            operator.remove()
            operator.close()
        if not isinstance(result, dict):
            raise self._lost("the container left no result")
        return result

    def resume(
        self,
        context: Context,
        event: dict[str, Any],  # noqa: ARG002 - a runner's signature
    ) -> dict[str, Any]:
        """Run the stage: what it was deferred for was another runner's."""
        return self.run(context)

    def stop(self) -> None:
        """Stop the container and remove it; if there is none yet, there never will be."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        self._stopped = True
        if self._operator is not None:
            # It may be gone already, and its end must not hide that of the task.
            with suppress(DockerException, RequestException):
                self._operator.on_kill()
            self._operator.remove()

    def operator(self, context: Context) -> StageContainerOperator:
        """Return the stage's operator, not yet executed."""
        from airworthy_airflow.runners.container_operator import StageContainerOperator

        settings = self._settings
        resources = settings.resources_of(self._call.stage)
        operator = StageContainerOperator(
            is_stopped=lambda: self._stopped,
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
            device_requests=_gpus(resources),
            labels={
                **_labels(self._call, context),
                "airworthy.model": self._call.model,
                "airworthy.stage": self._call.stage,
            },
            # The runner removes it, once it knows why it ended.
            auto_remove="never",
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
            place = str(self._call.environment.project / source)
            mounts.append(Mount(target=target, source=place, type="bind", read_only=mode == ["ro"]))
        return mounts

    def _remove_orphans(self, operator: StageContainerOperator, context: Context) -> None:
        """Remove containers of a killed try of the same task: their stage would run beside this one."""
        labels = [f"{key}={value}" for key, value in _labels(self._call, context).items()]
        for container in operator.cli.containers(all=True, filters={"label": labels}):
            operator.log.info(
                "removing the container %s of a try that was killed", container["Id"][:12]
            )
            operator.cli.remove_container(container["Id"], force=True)

    def _error_of(
        self, operator: StageContainerOperator, error: DockerContainerFailedException
    ) -> AirworthyError:
        if self._stopped:
            return self._lost(_ENDED)
        limit = self._settings.resources_of(self._call.stage).memory_mib
        if limit is not None and operator.ran_out_of_memory():
            return TerminalPlaceError(
                f"the stage needs more memory than its limit of {limit} MiB",
                model=self._call.model,
                stage=self._call.stage,
                received="a container that ended with 137",
                next_step="raise memory_mib in docker.resources, or make the window smaller "
                "(train.lookback): a retry would end alike",
            )
        return failure_of(self._call, error)

    def _missing(self, operator: StageContainerOperator, words: str) -> AirworthyError:
        if self._stopped:
            return self._lost("the container was stopped with its task")
        return TerminalPlaceError(
            f"Docker does not have what the stage needs: {words}",
            model=self._call.model,
            stage=self._call.stage,
            received=operator.image,
            next_step="docker build, or docker pull",
        )

    def _lost(self, problem: str) -> TransientPlaceError:
        return TransientPlaceError(
            problem,
            model=self._call.model,
            stage=self._call.stage,
            next_step="check that the Docker engine is up",
        )


_ENDED = "the task was ended, and its container with it"


def _gpus(resources: Resources) -> list[DeviceRequest] | None:
    from docker.types import DeviceRequest

    if resources.gpus is None:
        return None
    return [DeviceRequest(count=resources.gpus, capabilities=[["gpu"]])]


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
    return container_error(call.model, call.stage, _exit_code(error), log)


def _exit_code(error: DockerContainerFailedException) -> int:
    """Return the container's exit code; -1 when the operator's message has none."""
    match = re.search(r"'StatusCode': (\d+)", str(error))
    return int(match[1]) if match else -1
