"""Where things live: the environment file that ``AIRWORTHY_ENV`` picks, and the paths that follow from it.

Environment variables read here and in ``project.py``, and nowhere else in the core:

``AIRWORTHY_PROJECT``    the project's folder (default: see ``project.py``)
``AIRWORTHY_ENV``        name of a file in ``include/environments`` (default ``local``)
``AIRWORTHY_STATE``      replaces the environment's ``state`` folder
``AIRWORTHY_MODELS``     replaces the folder that holds the model folders
``AIRWORTHY_DOWNLOADS``  a folder that already holds files which a spec would download
``AIRWORTHY_SERVER_URL`` replaces the address of the model server in production
``AIRWORTHY_STAGING_SERVER_URL`` replaces the address of the model server in staging
``AIRWORTHY_TRACKING_URI`` replaces the environment's MLflow tracking and registry address

A project without the folder ``include/environments`` has the environment ``local`` that comes with the package.

A file may name others as ``${NAME}``: secrets and addresses that differ from machine to machine stay out of it.
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from airworthy.errors import TerminalError
from airworthy.project import ENVIRONMENTS, MODELS, project_folder
from airworthy.runners import DEFAULT, DockerSettings, KubernetesSettings, RunnerName
from airworthy.spec.alerts_part import Channel
from airworthy.spec.faults import faults_of
from airworthy.spec.fields import Wrong, refuse
from airworthy.spec.release_part import ReleaseDefaults

_LOCAL = Path(__file__).with_name("local.yaml")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
OVERRIDES = {
    "server_url": "AIRWORTHY_SERVER_URL",
    "staging_server_url": "AIRWORTHY_STAGING_SERVER_URL",
    "tracking_uri": "AIRWORTHY_TRACKING_URI",
}


class Environment(BaseModel):
    """One deployment: paths are absolute, addresses complete.

    `staging_server_url` is the server in which a version is checked before it may take traffic; None: the one in
    production, beside the champion. `release` says how a version takes over when its spec leaves that open. `stages`
    says where each stage runs, ``default`` where those run that it does not name. `alerts` are the channels by which
    people are told. `variables` are the environment variables that the file names.
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
    flags: Path | None = None
    release: ReleaseDefaults = Field(default_factory=ReleaseDefaults)
    stages: dict[str, RunnerName] = Field(default_factory=dict)
    docker: DockerSettings | None = None
    kubernetes: KubernetesSettings | None = None
    alerts: list[Channel] = Field(default_factory=list)
    variables: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _places_are_known(self) -> Environment:
        from airworthy.handover.catalogue import OPERATIONS, STAGES

        known = {DEFAULT, *STAGES, *OPERATIONS}
        settings = {"docker": self.docker, "kubernetes": self.kubernetes}
        named: list[tuple[str, ...]] = [("stages", stage) for stage in self.stages]
        named += [
            (key, "resources", stage)
            for key, each in settings.items()
            if each
            for stage in each.resources
        ]
        allowed = ", ".join(sorted(known))
        wrong = [
            Wrong(key, "there is no such stage", key[-1], allowed)
            for key in named
            if key[-1] not in known
        ]
        wrong += [
            Wrong(
                ("stages", stage),
                f"there are no settings under the key {place}",
                place,
                f"inline, or {place}: ...",
            )
            for stage, place in self.stages.items()
            if place != "inline" and settings[place] is None
        ]
        refuse(wrong)
        return self

    def runner_of(self, stage: str) -> RunnerName:
        """Return where a stage runs."""
        return self.stages.get(stage) or self.stages.get(DEFAULT) or "inline"

    @property
    def evidence(self) -> Path:
        """Folder for what stages leave for people to look at: validation results, Data Docs, verdicts, plots."""
        return self.state / "evidence"

    @property
    def locks(self) -> Path:
        """Folder for lock files."""
        return self.state / "locks"

    @property
    def flags_file(self) -> Path:
        """The flagd file with the flags of rollouts, which the model server in production watches."""
        return self.flags or self.state / "flags.json"

    @property
    def server_token_file(self) -> Path:
        """The file with the token that the model server's administration asks for."""
        return self.state / "server_token"


@lru_cache(maxsize=8)
def _read(path: Path, modified_ns: int) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise TerminalError(f"{path} is not YAML: {problem}", next_step=f"edit {path}") from None
    return content if isinstance(content, dict) else {}


def load_environment(project: Path | None = None) -> Environment:
    """Read the environment that ``AIRWORTHY_ENV`` names, with the overrides of the module's docstring.

    `project` is the project's folder; None: the one that ``project_folder`` finds.

    Raises:
        TerminalError: when there is no project, or the file is missing or says something unknown.
    """
    project = project or project_folder()
    name = os.environ.get("AIRWORTHY_ENV") or _LOCAL.stem
    path = _file_of(project / ENVIRONMENTS, name)
    values = dict(_read(path, path.stat().st_mtime_ns))
    for key, variable in OVERRIDES.items():
        values[key] = os.environ.get(variable) or values.get(key)
    state = Path(
        os.environ.get("AIRWORTHY_STATE") or project / values.get("state", ".airworthy")
    ).resolve()
    filled = {key: _filled(value, state, path, key) for key, value in values.items()}
    filled["variables"] = tuple(sorted(set(_VARIABLE.findall(str(values)))))
    filled["name"] = name
    filled["project"] = str(project)
    filled["state"] = str(state)
    filled["models"] = os.environ.get("AIRWORTHY_MODELS") or str(
        project / filled.get("models", MODELS)
    )
    filled["downloads"] = os.environ.get("AIRWORTHY_DOWNLOADS") or filled.get(
        "downloads", str(state / "downloads")
    )
    return _validated(path, json.dumps(filled, default=str))


def _file_of(folder: Path, name: str) -> Path:
    path = folder / f"{name}.yaml"
    if path.is_file():
        return path
    if name == _LOCAL.stem and not folder.is_dir():
        return _LOCAL
    known = (
        sorted(found.stem for found in folder.glob("*.yaml")) if folder.is_dir() else [_LOCAL.stem]
    )
    raise TerminalError(
        "there is no such environment",
        received=f"AIRWORTHY_ENV={name}",
        allowed=", ".join(known),
        next_step=f"create {path}",
    )


@lru_cache(maxsize=8)
def _validated(path: Path, filled: str) -> Environment:
    """Return the environment of what the file says, as JSON: for the same content the same object.

    Every DAG of every model asks for it in one reading of the DAG files.
    """
    try:
        return Environment.model_validate_json(filled)
    except ValidationError as error:
        faults = faults_of(path, error, Environment.model_json_schema())
        raise TerminalError("\n".join(map(str, faults)), next_step=f"edit {path}") from None


def _filled(value: Any, state: Path, path: Path, key: str) -> Any:
    """Put the state folder and environment variables into a value's text, or into the texts within it.

    Raises:
        TerminalError: when a variable that the file names is not set.
    """
    if isinstance(value, dict):
        return {name: _filled(inner, state, path, f"{key}.{name}") for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, state, path, key) for inner in value]
    if not isinstance(value, str):
        return value

    def variable(found: re.Match[str]) -> str:
        if not os.environ.get(found[1]):
            raise TerminalError(
                f"{path}: {key}: the environment variable {found[1]} is not set",
                received=value,
                allowed=f"{found[1]} with a value",
                next_step=f"export {found[1]}=..., or edit {path}",
            )
        return os.environ[found[1]]

    return _VARIABLE.sub(variable, value.replace("{state}", str(state)))
