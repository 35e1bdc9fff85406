"""Anchors that heads are sent to: a webhook, and a mailbox. They are read by people."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from airworthy.anchor_settings import EmailAnchor
from airworthy.anchors.head import SignedHead
from airworthy.errors import TerminalError, TransientError

SECONDS = 3.0
"""The time for one anchor to take a head: a rollback appends several entries."""
_FIRST_ERROR, _TOO_MANY, _FIRST_SERVER_ERROR = 400, 429, 500
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class HeadWebhook:
    """A webhook: POST of the head as JSON, with the headers of Standard Webhooks."""

    def __init__(self, url: str) -> None:
        """Keep the address."""
        self._url = url

    def keep(self, model: str, sequence: int, signed: SignedHead) -> None:  # noqa: ARG002 - protocol
        """Send a head. See `Anchor.keep`."""
        import httpx

        headers = {
            "content-type": "application/json",
            "webhook-id": signed.id,
            "webhook-timestamp": str(signed.timestamp),
            "webhook-signature": signed.signature,
        }
        try:
            answer = httpx.post(self._url, content=signed.body, headers=headers, timeout=SECONDS)
        except httpx.HTTPError as error:
            # The error's own text may have the address.
            raise TransientError(
                "the webhook did not answer", received=type(error).__name__
            ) from None
        status = answer.status_code
        if status == _TOO_MANY or status >= _FIRST_SERVER_ERROR:
            raise TransientError("the webhook could not take the head", received=status)
        if status >= _FIRST_ERROR:
            raise TerminalError("the webhook refused the head", received=status)

    def lines(self, model: str) -> None:
        """Return None: its receiver has the heads. See `Anchor.lines`."""


class HeadMail:
    """A mailbox: one mail for each head, its line as text. Encrypted when the server can."""

    def __init__(self, settings: EmailAnchor) -> None:
        """Keep the settings."""
        self._settings = settings

    def keep(self, model: str, sequence: int, signed: SignedHead) -> None:
        """Send a mail. See `Anchor.keep`."""
        mail = EmailMessage()
        mail["Subject"] = f"Airworthy: ledger of {model}, entry {sequence}"
        mail["From"] = self._settings.sender
        mail["To"] = ", ".join(self._settings.to)
        mail.set_content(f"{signed.line}\n", cte="7bit")
        try:
            with self._connect() as server:
                server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            kind = TransientError if error.smtp_code < _FIRST_SERVER_ERROR else TerminalError
            raise kind("the mail server refused the head", received=error.smtp_code) from None
        except (smtplib.SMTPException, OSError) as error:
            raise TransientError(
                "the mail server did not take the head", received=type(error).__name__
            ) from None

    def lines(self, model: str) -> None:
        """Return None: the mailbox has the heads. See `Anchor.lines`."""

    def _connect(self) -> smtplib.SMTP:
        server = urlsplit(self._settings.server)
        host, context = server.hostname or "", ssl.create_default_context()
        if server.scheme == "smtps":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                host, server.port or 465, timeout=SECONDS, context=context
            )
        else:
            client = smtplib.SMTP(host, server.port or 25, timeout=SECONDS)
            client.ehlo()
            if client.has_extn("starttls"):
                client.starttls(context=context)
            elif server.username and host not in _LOOPBACK:
                client.close()
                raise TerminalError(
                    "the mail server does not encrypt, and would get a password",
                    allowed="a server with STARTTLS, or smtps://",
                )
        if server.username:
            client.login(unquote(server.username), unquote(server.password or ""))
        return client
