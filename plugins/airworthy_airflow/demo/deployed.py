"""The demo's first act in docker-compose.yaml: ``python -m airworthy_airflow.demo.deployed``.

It runs in a container of its own, and knows Airflow, the proxy and the replicas by their names.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from rich.console import Console

from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.story import MODEL, first_act, predict
from airworthy_airflow.demo.text import say
from airworthy_airflow.stack.secret_keys import USER

REPLICAS = ("server", 8000)
"""The name that all replicas share, and their port."""
EVERY_REPLICA_WITHIN_SECONDS = 60.0
_POLL_SECONDS = 0.2


def main() -> int:
    """Play the act and ask every replica; return the exit code."""
    console = Console()
    proxy = os.environ["AIRWORTHY_SERVER_URL"]
    password, token = os.environ["AIRFLOW_ADMIN_PASSWORD"], os.environ["AIRWORTHY_CLIENT_TOKEN"]
    try:
        airflow = AirflowApi(os.environ["AIRWORTHY_AIRFLOW_URL"], USER, password)
        first_act(airflow, proxy, console, token)
        for replica, version in sorted(ask_every_replica(proxy, token).items()):
            say(console, f"Replica   {replica} answers with {MODEL} version {version}")
    except AirworthyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def ask_every_replica(proxy: str, token: str | None = None) -> dict[str, str]:
    """Ask the proxy until every replica has answered with one version. Return it for each address.

    A replica follows the releases by itself: it may be a moment behind.

    Args:
        proxy: The proxy's address.
        token: A client's token; None: the servers ask for none.

    Raises:
        TerminalError: when not every replica answers with the same version in time.
    """
    deadline, answered, trouble = time.monotonic() + EVERY_REPLICA_WITHIN_SECONDS, {}, ""
    while True:
        replicas = addresses()
        try:
            _, answer = predict(proxy, token)
            answered[str(answer["replica"]).rpartition(", ")[2]] = str(answer["version"])
        except (TerminalError, TransientError) as error:
            trouble = str(error)
        if replicas <= answered.keys() and len(set(answered.values())) == 1:
            return answered
        if time.monotonic() > deadline:
            raise TerminalError(
                f"not every replica answers with one version within {EVERY_REPLICA_WITHIN_SECONDS:.0f} s",
                model=MODEL,
                received=f"{answered}; {trouble or 'no error'}",
                allowed=f"one version from each of {', '.join(sorted(replicas))}",
                next_step="docker-compose logs proxy server-1 server-2",
            )
        time.sleep(_POLL_SECONDS)


def addresses() -> set[str]:
    """Return the addresses of the replicas that run."""
    host, port = REPLICAS
    try:
        found = socket.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TransientError(f"there is no replica: {error}", next_step="make compose-up") from None
    return {f"{address[4][0]}:{port}" for address in found}


if __name__ == "__main__":
    sys.exit(main())
