"""Receivers of alerts: a web server and a mail server on loopback keep the requests and mails."""

from __future__ import annotations

import json
import threading
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_connection
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST, PATIENCE = "127.0.0.1", 60.0


@dataclass
class WebReceiver:
    """Takes JSON by POST and answers with `status`, or first with each of `first`.

    `sent` has the headers, with names in lower case, and the body of each request as it came.
    """

    port: int = 0
    status: int = 200
    first: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sent: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def connection(self, kind: str, password: str = "", **extra: str) -> str:
        """Return an Airflow connection to it, as the value of an ``AIRFLOW_CONN_`` variable.

        Args:
            kind: The connection's type.
            password: Its password.
            **extra: Its further fields.
        """
        address = (
            {"host": f"http://{HOST}", "port": self.port} if kind == "http" else {"host": self.url}
        )
        return json.dumps({"conn_type": kind, **address, "password": password, "extra": extra})

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"


@contextmanager
def web_receiver() -> Iterator[WebReceiver]:
    """Run a web server."""
    receiver = WebReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.sent.append((headers, body))
            receiver.requests.append((self.path, json.loads(body)))
            answer = b'{"ok": true}'
            self.send_response(receiver.first.pop(0) if receiver.first else receiver.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@dataclass
class MailReceiver:
    """Takes mail from and for anybody."""

    port: int = 0
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail: its receivers, and the message.

        Args:
            server: Not used.
            session: Not used.
            envelope: The mail.
        """
        assert isinstance(envelope.content, bytes)
        self.mails.append(
            (list(envelope.rcpt_tos), message_from_bytes(envelope.content, policy=default))
        )
        return "250 OK"

    def connection(self) -> str:
        """Return an Airflow connection to it."""
        extra = {
            "from_email": "airworthy@example.org",
            "disable_ssl": True,
            "disable_tls": True,
            "retry_limit": 1,
        }
        return json.dumps({"conn_type": "smtp", "host": HOST, "port": self.port, "extra": extra})


class _AnyPort(Controller):
    """A controller on any free port; a busy machine has more than a second to answer."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        with create_connection((HOST, self.port), PATIENCE) as connection:
            connection.recv(1024)


@contextmanager
def mail_receiver() -> Iterator[MailReceiver]:
    """Run a mail server."""
    receiver = MailReceiver()
    controller = _AnyPort(receiver, hostname=HOST, port=0, ready_timeout=PATIENCE)
    controller.start()
    receiver.port = controller.port
    try:
        yield receiver
    finally:
        controller.stop()
