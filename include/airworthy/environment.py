"""Where things live: the environment file that ``AIRWORTHY_ENV`` picks, and the paths that follow from it.

Environment variables read here, and nowhere else in the core:

``AIRWORTHY_PROJECT``    the project's folder (default: the folder above ``include/``)
``AIRWORTHY_ENV``        name of a file in ``include/environments`` (default ``local``)
``AIRWORTHY_STATE``      replaces the environment's ``state`` folder
``AIRWORTHY_MODELS``     replaces the folder that holds the model folders
``AIRWORTHY_DOWNLOADS``  a folder that already holds files which a spec would download
``AIRWORTHY_SERVER_URL`` replaces the environment's model server address
``AIRWORTHY_TRACKING_URI`` replaces the environment's MLflow tracking and registry address
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from airworthy.errors import TerminalError


class Environment(BaseModel):
    """One deployment: paths are absolute, addresses complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    project: Path
    models: Path
    state: Path
    lake: str
    tracking_uri: str
    artifacts: str
    server_url: str
    downloads: Path

    @property
    def evidence(self) -> Path:
        """Folder for what stages leave for people to look at: validation results, Data Docs, verdicts, plots."""
        return self.state / "evidence"

    @property
    def locks(self) -> Path:
        """Folder for lock files."""
        return self.state / "locks"

    @property
    def server_token_file(self) -> Path:
        """The file with the token that the model server's administration asks for."""
        return self.state / "server_token"


def project_folder() -> Path:
    """Return the project's folder."""
    return Path(os.environ.get("AIRWORTHY_PROJECT") or Path(__file__).resolve().parents[2])


@lru_cache(maxsize=8)
def _read(path: Path, modified_ns: int) -> dict[str, str]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise TerminalError(f"{path} is not YAML: {problem}", next_step=f"edit {path}") from None
    return content if isinstance(content, dict) else {}


def load_environment() -> Environment:
    """Read the environment that ``AIRWORTHY_ENV`` names, with the overrides of the module's docstring.

    Raises:
        TerminalError: when the file is missing or says something unknown.
    """
    project = project_folder()
    folder = project / "include" / "environments"
    name = os.environ.get("AIRWORTHY_ENV") or "local"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.yaml")))
        raise TerminalError(
            "there is no such environment", received=f"AIRWORTHY_ENV={name}", allowed=known, next_step=f"create {path}"
        )
    values = dict(_read(path, path.stat().st_mtime_ns))
    state = Path(os.environ.get("AIRWORTHY_STATE") or project / values.get("state", ".airworthy")).resolve()
    filled = {key: str(value).replace("{state}", str(state)) for key, value in values.items()}
    filled["name"] = name
    filled["project"] = str(project)
    filled["state"] = str(state)
    filled["models"] = os.environ.get("AIRWORTHY_MODELS") or str(project / filled.get("models", "include/models"))
    filled["downloads"] = os.environ.get("AIRWORTHY_DOWNLOADS") or filled.get("downloads", str(state / "downloads"))
    for key, variable in (("server_url", "AIRWORTHY_SERVER_URL"), ("tracking_uri", "AIRWORTHY_TRACKING_URI")):
        if os.environ.get(variable):
            filled[key] = os.environ[variable]
    try:
        return Environment.model_validate(filled)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise TerminalError(
            f"{path}: {key}: {first['msg']}",
            received=first.get("input"),
            allowed=", ".join(Environment.model_fields),
            next_step=f"edit {path}",
        ) from None
