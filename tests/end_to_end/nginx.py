"""A real nginx before some model servers, with the settings that the project ships."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import PROJECT, free_ports, wait_until

SETTINGS = PROJECT / "infra" / "nginx" / "model_servers.conf"
# The workers of a root's nginx run as another user otherwise, who may not write into a test's folder.
_CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream model_servers {{
{servers}
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port};
        include {settings};
    }}
}}
"""


class Nginx:
    """A running nginx."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._port = port

    def write(self, servers: Sequence[str]) -> Path:
        """Write its configuration for the servers at some addresses, and return the file."""
        lines = [f"        server {url.removeprefix('http://')};" for url in servers]
        path = self._folder / "nginx.conf"
        path.write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                servers="\n".join(lines),
                port=self._port,
                settings=SETTINGS,
                user="user root;" if os.geteuid() == 0 else "",
            ),
            encoding="utf-8",
        )
        return path

    def proxy_to(self, servers: Sequence[str]) -> None:
        """Send requests to the servers at some addresses from now on, as an operator does."""
        self._run(self.write(servers), "-s", "reload")

    @staticmethod
    def _run(path: Path, *options: str) -> None:
        command = ["nginx", "-p", str(path.parent), "-c", str(path), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@contextmanager
def nginx(folder: Path, servers: Sequence[str]) -> Iterator[Nginx]:
    """Run nginx until the block ends.

    Args:
        folder: Gets its files.
        servers: The addresses of the model servers.
    """
    if shutil.which("nginx") is None:
        pytest.fail("nginx is not installed. Debian, Ubuntu: apt-get install nginx-light")
    proxy = Nginx(folder, free_ports(1)[0])
    command = ["nginx", "-p", str(folder), "-c", str(proxy.write(servers))]
    with (folder / "output.log").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until("nginx to run", (folder / "nginx.pid").exists)
        yield proxy
    finally:
        process.terminate()
        process.wait()
