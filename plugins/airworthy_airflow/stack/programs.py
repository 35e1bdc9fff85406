"""The stack's parts and supervisord's configuration of them."""

from __future__ import annotations

import configparser
import io
import sys
from pathlib import Path

from airworthy_airflow.stack.layout import HOST, Layout
from airworthy_airflow.stack.state_folder import UMASK

# An answer that has not reached the lake is lost with the machine: it may be this old.
_COLLECT_SECONDS = 5
# The triggerer tells of late runs, and does so at its next start when it is ended before; the
# server finishes requests.
_STOP_SECONDS = {"server": 25, "scheduler": 20, "triggerer": 2}
# These have processes of their own, which a killed one leaves behind.
_FORKING = frozenset({"scheduler", "dag-processor", "triggerer", "mlflow"})


def commands(layout: Layout) -> dict[str, list[str]]:
    """Return each part's command line under supervisord, by its name."""
    alone = [sys.executable, "-m", "airworthy_airflow.stack.part"]
    return {
        name: [*alone, *command] if name in _FORKING else command
        for name, command in part_commands(layout).items()
    }


def part_commands(layout: Layout) -> dict[str, list[str]]:
    """Return each part's own command line, by its name. Systemd itself ends what a killed part leaves."""
    python, binaries = sys.executable, Path(sys.executable).parent
    airflow = str(binaries / "airflow")
    mlflow = [
        python,
        "-m",
        "airworthy_airflow.stack.mlflow_server",
        "--host",
        HOST,
        "--port",
        str(layout.ports["mlflow"]),
        "--default-artifact-root",
        layout.artifacts,
    ]
    collect = [python, "-m", "airworthy", "collect", "--all", "--every", str(_COLLECT_SECONDS)]
    serve = [
        python,
        "-m",
        "airworthy",
        "serve",
        "--host",
        HOST,
        "--port",
        str(layout.ports["server"]),
    ]
    metrics = [
        python,
        "-m",
        "airworthy",
        "metrics",
        "--host",
        HOST,
        "--port",
        str(layout.ports["metrics"]),
    ]
    return {
        "api-server": [airflow, "api-server"],
        "scheduler": [airflow, "scheduler", "--skip-serve-logs"],
        "dag-processor": [airflow, "dag-processor"],
        "triggerer": [airflow, "triggerer", "--skip-serve-logs"],
        "mlflow": mlflow,
        "server": serve,
        "collector": collect,
        "metrics": metrics,
    }


def supervisord_config(layout: Layout) -> str:
    """Return supervisord's configuration file. Every part is restarted when it dies and has its own log."""
    config = configparser.RawConfigParser()
    config["unix_http_server"] = {"file": str(layout.socket), "chmod": "0700"}
    config["supervisord"] = {
        "nodaemon": "true",
        "logfile": str(layout.logs / "supervisord.log"),
        "pidfile": str(layout.folder / "supervisord.pid"),
        "childlogdir": str(layout.logs),
        "directory": str(layout.folder),
    }
    factory = "supervisor.rpcinterface:make_main_rpcinterface"
    config["rpcinterface:supervisor"] = {"supervisor.rpcinterface_factory": factory}
    for name, command in commands(layout).items():
        config[f"program:{name}"] = _program(layout, name, command)
    # Not in the command line, which every user of the machine sees: the address may have a password.
    address = layout.tracking_uri.replace('"', "%22")
    config["program:mlflow"]["environment"] = f'MLFLOW_BACKEND_STORE_URI="{address}"'
    text = io.StringIO()
    config.write(text)
    return text.getvalue().replace("%", "%%")


def _program(layout: Layout, name: str, command: list[str]) -> dict[str, str]:
    return {
        "command": " ".join(_quoted(part) for part in command),
        # Supervisord heeds an umask of its own only as a daemon, which it is not here.
        "umask": f"{UMASK:03o}",
        "autorestart": "true",
        "startsecs": "2",
        "startretries": "3",
        "stopwaitsecs": str(_STOP_SECONDS.get(name, 10)),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(layout.logs / f"{name}.log"),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "2",
    }


def _quoted(part: str) -> str:
    return f'"{part}"' if " " in part else part
