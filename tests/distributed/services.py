"""The services that all machines share: PostgreSQL and Redis, each with a password."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis
from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.exc import OperationalError
from tests.core.eventually import eventually

from .machines import Network, Processes

DATABASES = ("airflow", "celery", "mlflow")
_POSTGRESQL_FOLDERS = "/usr/lib/postgresql/*/bin"


@dataclass(frozen=True)
class Services:
    """Addresses, with passwords: of each database by its name, and of the broker."""

    databases: Mapping[str, str]
    redis: str


def missing_programs() -> list[str]:
    """Return what this machine lacks for these tests, with the package that has it."""
    programs = {
        "initdb": (postgresql_program("initdb"), "postgresql"),
        "redis-server": (shutil.which("redis-server"), "redis-server"),
        "ip": (shutil.which("ip"), "iproute2"),
        "unshare": (shutil.which("unshare"), "util-linux"),
    }
    missing = [
        f"{name} (Debian, Ubuntu: apt-get install {package})"
        for name, (path, package) in programs.items()
        if path is None
    ]
    return missing if os.geteuid() == 0 else [*missing, "root, who may make network namespaces"]


def postgresql_program(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs. Debian keeps them off the path."""
    folders = sorted(Path("/").glob(_POSTGRESQL_FOLDERS.removeprefix("/")), reverse=True)
    return shutil.which(name, path=os.pathsep.join(map(str, folders))) or shutil.which(name)


@contextmanager
def services(network: Network, processes: Processes) -> Iterator[Services]:
    """Yield running services on the network's address."""
    # PostgreSQL does not run as root, and pytest's folders are root's own.
    folder = Path(tempfile.mkdtemp(prefix="airworthy-services-"))
    folder.chmod(0o755)
    try:
        databases = _postgresql(network, processes, folder)
        yield Services(databases, _redis(network, processes, folder))
    finally:
        processes.end_all()
        shutil.rmtree(folder)


def _postgresql(network: Network, processes: Processes, folder: Path) -> dict[str, str]:
    data, password, port = folder / "postgresql", secrets.token_hex(12), free_port(network)
    password_file = folder / "password"
    password_file.write_text(password)
    data.mkdir()
    for path in (data, password_file):
        shutil.chown(path, "postgres", "postgres")
    done = subprocess.run(
        [
            str(postgresql_program("initdb")), f"--pgdata={data}", f"--pwfile={password_file}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        ],
        user="postgres", group="postgres", extra_groups=[], cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write(f"host all all {network.range} scram-sha-256\n")
    # The data need not outlast the test.
    careless = [f"-c{name}=off" for name in ("fsync", "synchronous_commit", "full_page_writes")]
    command = [str(postgresql_program("postgres")), "-D", str(data), "-k", str(data)]
    command += ["-h", network.address, "-p", str(port), *careless]
    processes.start("postgresql", command, {"LC_ALL": "C.UTF-8"}, user="postgres")
    server = URL.create("postgresql+psycopg2", "postgres", password, network.address, port)
    _make_databases(server)
    return {
        name: server.set(username=name, database=name).render_as_string(hide_password=False)
        for name in DATABASES
    }


def _make_databases(server: URL) -> None:
    """Make each database with a user of its name, who owns it and reaches no other one."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def answers() -> bool:
        with suppress(OperationalError), engine.connect():
            return True
        return False

    eventually("PostgreSQL answers", answers)
    with engine.connect() as connection:
        for name in DATABASES:
            connection.exec_driver_sql(f"CREATE USER {name} PASSWORD '{server.password}'")
            connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {name}")
            connection.exec_driver_sql(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")


def _redis(network: Network, processes: Processes, folder: Path) -> str:
    password, port = secrets.token_hex(12), free_port(network)
    configuration = folder / "redis.conf"
    configuration.write_text(
        f'bind {network.address}\nport {port}\nrequirepass {password}\nsave ""\ndir {folder}\n'
    )
    processes.start("redis", [str(shutil.which("redis-server")), str(configuration)], {})

    def answers() -> bool:
        with (
            suppress(redis.ConnectionError),
            redis.Redis(network.address, port, password=password) as client,
        ):
            return bool(client.ping())
        return False

    eventually("Redis answers", answers)
    return f"redis://:{password}@{network.address}:{port}/0"


def free_port(network: Network) -> int:
    """Return a free port of the network's address."""
    with socket.socket() as probe:
        probe.bind((network.address, 0))
        return int(probe.getsockname()[1])
