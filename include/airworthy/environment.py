"""The environment: paths, addresses and settings from the file named by ``AIRWORTHY_ENV``.

Environment variables read here, in the modules of their settings and in ``project.py``, and nowhere
else in the core:

``AIRWORTHY_PROJECT``    the project's folder (default: see ``project.py``)
``AIRWORTHY_ENV``        name of a file in ``include/environments`` (default ``local``)
``AIRWORTHY_ENV_CONTENT`` the text of that file, packed: a container gets it from its caller
``AIRWORTHY_STATE``      replaces the environment's ``state`` folder
``AIRWORTHY_MODELS``     replaces the folder of the model folders
``AIRWORTHY_DOWNLOADS``  the download cache; it may already have the files
``AIRWORTHY_SERVER_URL`` replaces the address of the model server in production
``AIRWORTHY_STAGING_SERVER_URL`` replaces the address of the model server in staging
``AIRWORTHY_TRACKING_URI`` replaces the environment's MLflow tracking and registry address
``AIRWORTHY_SERVER_TOKEN`` the token for the model server's administration, instead of its file
``AIRWORTHY_ANCHOR_KEY`` the key that signs the heads of ledgers, instead of its file
``AIRWORTHY_AIRFLOW_TOKEN`` the token for Airflow of a pipeline (``airworthy ci release``)
``AIRWORTHY_AIRFLOW_USER`` its name there, with ``AIRWORTHY_AIRFLOW_PASSWORD``, without a token
``AIRWORTHY_SERVER_HOSTS`` further names of the model servers, with commas, beside ``server.hosts``
``AIRWORTHY_CLIENT_TOKENS`` the tokens of its clients (``name=token,...``), instead of their file
``AIRWORTHY_CLIENT_TOKENS_FILE`` a file with them, such as a mounted secret: it may change at any time

A project without the folder ``include/environments`` has the environment ``local`` of the package.

A file may refer to other variables as ``${NAME}``, so it needs no secrets and no addresses of one
machine. What leads to an object store, with its credentials, is in the variables of AWS: see
`airworthy.object_store`.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from airworthy.anchor_settings import AnchorSettings, FileAnchor
from airworthy.environment_file import (
    CONTENT,
    LOCAL,
    file_content,
    file_of,
    read_file,
    resolve,
    variables_of,
)
from airworthy.errors import TerminalError
from airworthy.object_store import VARIABLES, local_folder
from airworthy.project import ENVIRONMENTS, MODELS, project_folder
from airworthy.retention_settings import RetentionSettings
from airworthy.runners import DEFAULT, DockerSettings, KubernetesSettings, RunnerName
from airworthy.server_settings import ServerSettings
from airworthy.spec.alerts_part import Channel
from airworthy.spec.faults import faults_of
from airworthy.spec.fields import Violation, raise_violations
from airworthy.spec.release_part import ReleaseDefaults
from airworthy.stage_input import pack_text

SERVER_HOSTS = "AIRWORTHY_SERVER_HOSTS"
OVERRIDES = {
    "server_url": "AIRWORTHY_SERVER_URL",
    "staging_server_url": "AIRWORTHY_STAGING_SERVER_URL",
    "tracking_uri": "AIRWORTHY_TRACKING_URI",
}


class Environment(BaseModel):
    """One deployment, with absolute paths and complete addresses.

    Attributes:
        name: The name of the file.
        project: The project's folder.
        models: The folder of the model folders.
        state: This machine's own folder: caches, spools, locks, and the embedded stack.
        lake: The root of the lake: a folder, or ``s3://bucket/prefix``.
        tracking_uri: The address of MLflow's tracking and registry.
        artifacts: The root of MLflow's artifacts.
        server_url: The model server in production.
        staging_server_url: The server for checking a version before it takes traffic; None: the one
            in production, beside the champion.
        downloads: The cache of downloaded files.
        flags: The file with the flags of rollouts; None: below `state`.
        airflow_url: The Airflow that authenticates the people who approve on the command line; no
            variable replaces it.
        server: The model servers.
        release: Defaults for keys missing in a spec's `release`.
        stages: Stage -> its runner; `default` is for all other stages.
        docker: How stages run in Docker.
        kubernetes: How stages run in Kubernetes.
        alerts: The alert channels.
        anchors: Get the signed heads of the ledgers; None: a folder beside the lake, in the state
            folder.
        retention: The old files that `airworthy gc` removes.
        variables: The environment variables named in the file. They are found, and not written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    project: Path
    models: Path
    state: Path
    lake: str
    tracking_uri: str
    artifacts: str
    server_url: str
    staging_server_url: str | None = None
    downloads: Path
    flags: str | None = None
    airflow_url: str | None = None
    server: ServerSettings = Field(default_factory=ServerSettings)
    release: ReleaseDefaults = Field(default_factory=ReleaseDefaults)
    stages: dict[str, RunnerName] = Field(default_factory=dict)
    docker: DockerSettings | None = None
    kubernetes: KubernetesSettings | None = None
    alerts: list[Channel] = Field(default_factory=list)
    anchors: list[AnchorSettings] | None = None
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    variables: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _runners_have_settings(self) -> Environment:
        from airworthy.handover.catalogue import OPERATIONS, STAGES

        stages = {DEFAULT, *STAGES, *OPERATIONS}
        settings = {"docker": self.docker, "kubernetes": self.kubernetes}
        keys: list[tuple[str, ...]] = [("stages", stage) for stage in self.stages]
        keys += [
            (key, "resources", stage)
            for key, each in settings.items()
            if each
            for stage in each.resources
        ]
        allowed = ", ".join(sorted(stages))
        violations = [
            Violation(key, "there is no such stage", key[-1], allowed)
            for key in keys
            if key[-1] not in stages
        ]
        violations += [
            Violation(
                ("stages", stage),
                f"there are no settings under the key {runner}",
                runner,
                f"inline, or {runner}: ...",
            )
            for stage, runner in self.stages.items()
            if runner != "inline" and settings[runner] is None
        ]
        raise_violations(violations)
        return self

    def runner_of(self, stage: str) -> RunnerName:
        """Return the runner of a stage."""
        return self.stages.get(stage) or self.stages.get(DEFAULT) or "inline"

    def beside_lake(self, model: str, name: str) -> str:
        """Return the address of a folder of a model in the lake, beside its tables.

        Args:
            model: The model.
            name: ``evidence``, ``validations`` or ``windows``.
        """
        return f"{self.lake.rstrip('/')}/{model}/{name}"

    @property
    def store_variables(self) -> tuple[str, ...]:
        """Names of the variables that lead to the object store of lake or artifacts; none on disks."""
        remote = [uri for uri in (self.lake, self.artifacts) if local_folder(uri) is None]
        return VARIABLES if remote else ()

    @property
    def places(self) -> dict[str, str]:
        """The addresses that may be others in a container: lake, artifacts, state."""
        return {"lake": self.lake, "artifacts": self.artifacts, "state": str(self.state)}

    @property
    def copies(self) -> Path:
        """Folder of this machine's copies of remembered validations and monitor windows.

        Versions before 0.3.0 had them, and all evidence, only here.
        """
        return self.state / "evidence"

    @property
    def locks(self) -> Path:
        """Folder of lock files."""
        return self.state / "locks"

    @property
    def flags_address(self) -> str:
        """The address of the flagd file with the flags of rollouts: a path, or ``s3://...``."""
        return self.flags or str(self.state / "flags.json")

    @property
    def flags_file(self) -> Path:
        """The flagd file of `flags_address`, on a disk."""
        return Path(self.flags_address)

    @property
    def ledger_anchors(self) -> list[AnchorSettings]:
        """The anchors of the ledgers. Without settings, one in the state folder."""
        if self.anchors is not None:
            return self.anchors
        return [FileAnchor(type="file", path=str(self.state / "anchors"))]

    @property
    def anchor_key_file(self) -> Path:
        """The file with the key of the anchors; see `anchor_key`."""
        return self.state / "anchor_key"

    @property
    def client_tokens_file(self) -> Path:
        """The file with the digests of the model servers' clients' tokens; see `client_tokens`."""
        return self.state / "client_tokens.json"

    @property
    def server_token_file(self) -> Path:
        """The file with the token for the model server's administration; see `server_token`."""
        return self.state / "server_token"


def load_environment(project: Path | None = None) -> Environment:
    """Load the environment of ``AIRWORTHY_ENV``, with the overrides of the module's docstring.

    `project` is the project's folder; None: the result of ``project_folder``.

    Raises:
        TerminalError: when there is no project, or when the file is missing or invalid.
    """
    project = project or project_folder()
    name = os.environ.get("AIRWORTHY_ENV") or LOCAL.stem
    path, values = file_content(project / ENVIRONMENTS, name)
    for key, variable in OVERRIDES.items():
        values[key] = os.environ.get(variable) or values.get(key)
    hosts = os.environ.get(SERVER_HOSTS, "").replace(",", " ").split()
    if hosts:
        values["server"] = _with_hosts(values.get("server") or {}, hosts)
    state = Path(
        os.environ.get("AIRWORTHY_STATE") or project / values.get("state", ".airworthy")
    ).resolve()
    resolved = {key: resolve(value, state, path, key) for key, value in values.items()}
    resolved["variables"] = variables_of(values)
    resolved["name"] = name
    resolved["project"] = str(project)
    resolved["state"] = str(state)
    resolved["models"] = os.environ.get("AIRWORTHY_MODELS") or str(
        project / resolved.get("models", MODELS)
    )
    resolved["downloads"] = os.environ.get("AIRWORTHY_DOWNLOADS") or resolved.get(
        "downloads", str(state / "downloads")
    )
    return _validate(path, json.dumps(resolved, default=str))


def packed_environment(environment: Environment) -> str:
    """Return the value of ``AIRWORTHY_ENV_CONTENT`` for a container that this process starts.

    Raises:
        TerminalError: when the environment's file is gone.
    """
    given = os.environ.get(CONTENT)
    if given:
        return given
    path = file_of(environment.project / ENVIRONMENTS, environment.name)
    return pack_text(path.read_text(encoding="utf-8"))


def local_environment(state: Path) -> Environment:
    """Return the package's environment ``local`` for the project, whatever ``AIRWORTHY_ENV`` names.

    Args:
        state: The state folder.

    Raises:
        NoProjectError: when there is no project.
    """
    project = project_folder()
    resolved = {
        key: resolve(value, state, LOCAL, key)
        for key, value in read_file(LOCAL, LOCAL.stat().st_mtime_ns).items()
    }
    resolved |= {"name": LOCAL.stem, "project": str(project), "state": str(state)}
    resolved["models"] = os.environ.get("AIRWORTHY_MODELS") or str(project / MODELS)
    resolved["downloads"] = os.environ.get("AIRWORTHY_DOWNLOADS") or str(state / "downloads")
    return _validate(LOCAL, json.dumps(resolved, default=str))


def _with_hosts(server: Any, hosts: list[str]) -> Any:
    """Return a file's part `server` with further hosts. One that is malformed stays as it is."""
    if not isinstance(server, dict) or not isinstance(server.get("hosts") or [], list):
        return server
    return {**server, "hosts": [*(server.get("hosts") or []), *hosts]}


@lru_cache(maxsize=8)
def _validate(path: Path, values: str) -> Environment:
    """Return the environment of JSON values, the same object for the same values.

    In one parse of the DAG files, every DAG of every model loads it.
    """
    try:
        return Environment.model_validate_json(values)
    except ValidationError as error:
        faults = faults_of(path, error, Environment.model_json_schema())
        raise TerminalError("\n".join(map(str, faults)), next_step=f"edit {path}") from None
