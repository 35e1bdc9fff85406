"""The environment variables of the stack's processes, from a layout and secrets. Pure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from airworthy.loopback import keep_loopback_direct
from airworthy.registry.mlflow_login import PASSWORD, USERNAME
from airworthy_airflow.stack.layout import HOST, Layout
from airworthy_airflow.stack.secret_keys import USER, Secrets, password_file

MARKER = "AIRWORTHY_STACK"
"""Every process of a stack has its state folder in this variable. `down` finds them by it."""

_METRICS = "AIRFLOW__METRICS__"
QUIET = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "SCARF_ANALYTICS": "false",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Eight processes of 260 MiB each for jobs that nothing here submits.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GX_ANALYTICS_ENABLED": "false",
}


SHARED_CORES = {
    # Threads that spin while they wait make two trainings on a small machine many times slower than
    # one.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def airflow_settings(layout: Layout, secrets: Secrets) -> dict[str, str]:
    """Return Airflow's settings: SQLite, LocalExecutor, loopback, short intervals for changes and lost tasks."""
    sections: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": layout.project / "dags",
            "plugins_folder": layout.project / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 4,
            "fernet_key": secrets.fernet_key,
            "auth_manager": "airworthy_airflow.access.simple_auth_manager.SimpleRolesAuthManager",
            "simple_auth_manager_users": _users(layout),
            "simple_auth_manager_passwords_file": password_file(layout),
            "execution_api_server_url": f"{layout.url('airflow')}/execution/",
            "min_serialized_dag_update_interval": 5,
            "dagbag_import_error_tracebacks": False,
        },
        "database": {
            "sql_alchemy_conn": f"sqlite:///{layout.airflow_home / 'airflow.db'}",
            "sql_alchemy_connect_args": "airworthy_airflow.stack.sqlite.CONNECT_ARGS",
        },
        "api": {
            "base_url": layout.url("airflow"),
            "host": HOST,
            "port": layout.ports["airflow"],
            "secret_key": secrets.secret_key,
            "workers": 1,
        },
        "api_auth": {"jwt_secret": secrets.jwt_secret},
        # LocalExecutor does not refresh a task's token: it must last as long as the longest task.
        "execution_api": {"jwt_expiration_time": 7 * 24 * 3600},
        "scheduler": {
            # A chained task waits for the scheduler's next loop, by default a second.
            "scheduler_idle_sleep_time": 0.1,
            # A killed scheduler's tasks are taken back this long after its last sign of life.
            "scheduler_health_check_threshold": 15,
            "orphaned_tasks_check_interval": 5,
            "task_instance_heartbeat_timeout": 60,
        },
        "dag_processor": {
            # A model's YAML is no DAG file: an edit shows when the unchanged files are parsed
            # again.
            "min_file_process_interval": 10,
            "refresh_interval": 10,
            "parsing_processes": 1,
        },
        "logging": {
            "base_log_folder": layout.airflow_home / "logs",
            # Airflow gives its task logs these rights, whatever the umask.
            "file_task_handler_new_folder_permissions": "0o700",
            "file_task_handler_new_file_permissions": "0o600",
        },
        "metrics": {
            # One datagram for each metric, to the part that serves Prometheus. It need not listen.
            "statsd_on": True,
            "statsd_host": HOST,
            "statsd_port": layout.ports["metrics"],
            "statsd_influxdb_enabled": True,
            # Each run id would be a series. A deadline's arguments make a name that Airflow
            # refuses.
            "statsd_disabled_tags": "job_id,run_id,dagrun_id,kwargs",
            # Names with ids of DAGs and tasks would each be a metric.
            "legacy_names_on": False,
        },
    }
    flat = {
        f"AIRFLOW__{s.upper()}__{key.upper()}": str(v)
        for s, keys in sections.items()
        for key, v in keys.items()
    }
    return {
        "AIRFLOW_HOME": str(layout.airflow_home),
        **flat,
        "AIRFLOW__API_AUTH__JWT_ISSUER": "airworthy",
    }


def user_environment(layout: Layout, secrets: Secrets) -> dict[str, str]:
    """Return a shell's variables for ``airflow`` and ``airworthy`` on this stack."""
    project = layout.project
    return {
        **airflow_settings(layout, secrets),
        **QUIET,
        **SHARED_CORES,
        "AIRWORTHY_PROJECT": str(project),
        "AIRWORTHY_STATE": str(layout.state),
        "AIRWORTHY_MODELS": str(layout.models),
        "AIRWORTHY_DOWNLOADS": str(layout.downloads),
        "AIRWORTHY_SERVER_URL": layout.url("server"),
        "AIRWORTHY_MLFLOW_URL": layout.url("mlflow"),
        "MLFLOW_BACKEND_STORE_URI": layout.tracking_uri,
        # MLflow's server asks for them, and every client of it reads them.
        USERNAME: USER,
        PASSWORD: secrets.mlflow_password,
        "PYTHONPATH": os.pathsep.join(
            str(project / p) for p in ("include", "plugins", "infra/airflow")
        ),
    }


def process_environment(
    layout: Layout, secrets: Secrets, inherited: dict[str, str]
) -> dict[str, str]:
    """Return the whole environment of the stack's processes.

    Args:
        layout: The stack.
        secrets: Its secrets.
        inherited: The starting shell's variables. All are kept but ``PYTHONDONTWRITEBYTECODE``,
            which slows every import, and Airflow's and MLflow's settings. Settings of Airflow's
            OpenLineage provider and metrics are kept too and win over the stack's.
    """
    kept = {key: value for key, value in inherited.items() if _is_taken_over(key)}
    metrics = {key: value for key, value in kept.items() if key.startswith(_METRICS)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    keep_loopback_direct(kept)  # a task asks Airflow's API, and a proxy cannot reach this machine
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {
        **kept,
        **user_environment(layout, secrets),
        **metrics,
        MARKER: str(layout.state),
        "PYTHONUNBUFFERED": "1",
    }


def _users(layout: Layout) -> str:
    return ",".join(f"{name}:{role}" for name, role in {USER: "admin", **layout.users}.items())


def _is_taken_over(variable: str) -> bool:
    return variable.startswith(("AIRFLOW__OPENLINEAGE__", _METRICS)) or not variable.startswith(
        ("AIRFLOW__", "MLFLOW_")
    )
