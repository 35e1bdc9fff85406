"""Receives Airworthy's signed webhooks. Standard library only.

``WEBHOOK_SECRET=whsec_... python webhook_receiver.py 8080``
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

TOLERANCE = 300
"""The largest age of a message, in seconds. Clocks may differ by as much."""


class RefusedError(Exception):
    """A message that is not taken, with the HTTP status of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Verifier:
    """Verifies messages, and remembers them as long as they could be replayed.

    Attributes:
        secret: The connection's key: ``whsec_`` with base64 after it, or any text.
        seen: Message id -> timestamp of its last verified try.
    """

    secret: str
    seen: dict[str, int] = field(default_factory=dict)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """Return True for a new message, False for another try of a known one.

        Args:
            headers: The request's headers, with names in lower case.
            body: The request's body, byte for byte.
            now: The present time, in seconds since 1970.

        Raises:
            RefusedError: 401 for a wrong or missing signature, 400 for a message that is too old or
                too new, 409 for a replay.
        """
        message, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signed = f"{message}.{timestamp}.".encode() + body
        digest = hmac.new(self._key(), signed, hashlib.sha256).digest()
        expected = f"v1,{base64.b64encode(digest).decode()}"
        # A sender that changes its key signs with both for a while.
        signatures = headers.get("webhook-signature", "").split(" ")
        if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in signatures):
            raise RefusedError(401, "the signature is wrong")
        if not message or abs(now - int(timestamp)) > TOLERANCE:
            raise RefusedError(400, "the message is too old or too new")
        return self._is_new(message, int(timestamp), now)

    def _is_new(self, message: str, timestamp: int, now: float) -> bool:
        self.seen = {each: at for each, at in self.seen.items() if now - at <= TOLERANCE}
        before = self.seen.get(message)
        # Another try of the sender has a later timestamp. The same one comes from somebody else.
        if before is not None and timestamp <= before:
            raise RefusedError(409, "the message was here before")
        self.seen[message] = timestamp
        return before is None

    def _key(self) -> bytes:
        if self.secret.startswith("whsec_"):
            return base64.b64decode(self.secret.removeprefix("whsec_") + "==")
        return self.secret.encode()


def serve(verifier: Verifier, port: int) -> HTTPServer:
    """Return a server on loopback that prints verified alerts. Call its `serve_forever`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                headers = {name.lower(): value for name, value in self.headers.items()}
                if verifier.verify(headers, body, time.time()):
                    alert = json.loads(body)
                    print(f"{alert['severity']}: {alert['title']}", flush=True)
                self._answer(200, "thanks")
            except RefusedError as refused:
                self._answer(refused.status, str(refused))

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    return HTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    serve(Verifier(os.environ["WEBHOOK_SECRET"]), int(sys.argv[1])).serve_forever()
