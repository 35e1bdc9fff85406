"""Waits until every part of docker-compose.yaml is healthy: ``python3 infra/docker/compose_wait.py``.

Compose v2 could wait, docker-compose 1.29 cannot. The project is that of ``.env``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

WITHIN_SECONDS = 600
POLL_SECONDS = 2.0
_DONE = ("healthy", "running", "ended")


def main(project: str | None = None) -> int:
    """Wait, and print each change. Return 1 when a part failed or is not healthy in time."""
    project = project or project_name(Path(".env"))
    deadline = time.monotonic() + WITHIN_SECONDS
    shown: dict[str, str] = {}
    while True:
        found = states(project)
        for part in sorted(found):
            if found[part] != shown.get(part):
                print(f"{part:16} {found[part]}", flush=True)
        shown = found
        if found and all(state in _DONE for state in found.values()):
            return 0
        failed = [part for part, state in found.items() if state.startswith("failed")]
        if failed or time.monotonic() > deadline:
            waiting = failed or [part for part, state in found.items() if state not in _DONE]
            print(f"not healthy: {', '.join(waiting) or 'nothing runs'}", file=sys.stderr)
            print(f"next: docker-compose logs {' '.join(waiting)}", file=sys.stderr)
            return 1
        time.sleep(POLL_SECONDS)


def project_name(settings: Path) -> str:
    """Return the project's name of the settings, else the folder's."""
    lines = settings.read_text(encoding="utf-8").splitlines() if settings.is_file() else []
    named = dict(line.split("=", 1) for line in lines if "=" in line)
    return named.get("COMPOSE_PROJECT_NAME") or Path.cwd().name


def states(project: str) -> dict[str, str]:
    """Return the state of each part: healthy, running (it has no check), ended, or the trouble."""
    label = f"label=com.docker.compose.project={project}"
    ids = output("docker", "ps", "--all", "--quiet", "--filter", label).split()
    found = json.loads(output("docker", "inspect", *ids)) if ids else []
    # What `run` starts is no part.
    return {
        container["Config"]["Labels"]["com.docker.compose.service"]: state_of(container["State"])
        for container in found
        if container["Config"]["Labels"].get("com.docker.compose.oneoff") != "True"
    }


def state_of(state: dict[str, object]) -> str:
    """Return the state of a container in one word, with the exit code of a failed one."""
    if state["Status"] == "exited":
        return "ended" if state["ExitCode"] == 0 else f"failed with {state['ExitCode']}"
    health = state.get("Health")
    return str(health["Status"] if isinstance(health, dict) else state["Status"])


def output(*command: str) -> str:
    """Return the output of a command."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
