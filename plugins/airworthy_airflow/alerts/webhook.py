"""A webhook: signed by the convention Standard Webhooks, and tried again after passing failures.

The connection has the key: the field ``secret`` of its extra, or its password when it has no login
(with a login, the password is for basic authentication). Without a key, nothing is signed.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk import BaseNotifier
from requests import Session
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import Timeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from airworthy.alerts.alert import Alert
from airworthy.spec.alerts_part import WebhookChannel
from airworthy_airflow.alerts import rendering

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

SECONDS = 15
"""Timeout of one try, in seconds: a task waits for it."""
ATTEMPTS = 4
"""The most tries of one notification: with the pauses, at most about a minute."""
_PREFIX = "whsec_"
_FIRST_ERROR, _TOO_MANY, _FIRST_SERVER_ERROR = 400, 429, 500


class RefusedWebhookError(Exception):
    """The receiver refused the request. Trying again does not help."""


class PassingWebhookError(Exception):
    """The receiver could not take the request now."""


class WebhookNotifier(BaseNotifier):
    """Posts an alert as JSON. Every try has the same id and a timestamp and a signature of its own."""

    def __init__(self, channel: WebhookChannel, alert: Alert) -> None:
        super().__init__()
        self.channel = channel
        self.body = json.dumps(rendering.webhook_json(alert), ensure_ascii=False)
        self.message_id = message_id(alert)

    def notify(self, context: Context) -> None:  # noqa: ARG002 - a notifier's signature
        """Send the request, again after a passing failure.

        Raises:
            RefusedWebhookError: when the receiver refuses it.
            PassingWebhookError: when the receiver failed in every try.
            NoConnection: when it could not be reached in any try.
        """
        hook = _Hook(method="POST", http_conn_id=self.channel.connection)
        key = signing_key(hook.get_connection(self.channel.connection))
        retrying = Retrying(
            retry=retry_if_exception_type((PassingWebhookError, NoConnection, Timeout)),
            stop=stop_after_attempt(ATTEMPTS),
            # Whole seconds: each try has another timestamp, so that no receiver takes it for a replay.
            wait=wait_exponential(multiplier=1, max=4),
            reraise=True,
        )
        retrying(self._send, hook, key)

    def _send(self, hook: HttpHook, key: str | bytes | None) -> None:
        headers = {"content-type": "application/json"}
        if key is not None:
            headers |= signed_headers(key, self.message_id, datetime.now(UTC), self.body)
        response = hook.run(
            endpoint=self.channel.endpoint,
            data=self.body.encode(),  # type: ignore[arg-type]  # requests takes bytes
            headers=headers,
            extra_options={"timeout": SECONDS, "check_response": False},
        )
        status = response.status_code
        if status == _TOO_MANY or status >= _FIRST_SERVER_ERROR:
            raise PassingWebhookError(f"the receiver answered {status}")
        if status >= _FIRST_ERROR:
            raise RefusedWebhookError(f"the receiver answered {status}")


class _Hook(HttpHook):
    """Airflow's hook sends every unknown field of the extra as a header. The key is not for sending."""

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Return a session without the key among its headers."""
        session = super().get_conn(headers, extra_options)
        session.headers.pop("secret", None)
        return session


def message_id(alert: Alert) -> str:
    """Return the id of an alert's message: the same in every try, and in a later task."""
    return f"msg_{hashlib.sha256(f'{alert.model}:{alert.key}'.encode()).hexdigest()[:32]}"


def signing_key(connection: Connection) -> str | bytes | None:
    """Return a connection's key; None: it has none.

    A text that begins with ``whsec_`` is base64 after that, as the convention says. Any other text
    is the key itself, in UTF-8.
    """
    secret = connection.extra_dejson.get("secret")
    if not secret and not connection.login:
        secret = connection.password
    if not secret:
        return None
    return str(secret) if str(secret).startswith(_PREFIX) else str(secret).encode()


def signed_headers(
    key: str | bytes, message: str, timestamp: datetime, body: str
) -> dict[str, str]:
    """Return the headers of a signed message.

    Args:
        key: The key, as `signing_key` returns it.
        message: The message's id.
        timestamp: The time of this try, UTC.
        body: The request's body.
    """
    from standardwebhooks.webhooks import Webhook

    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(timestamp.timestamp())),
        "webhook-signature": Webhook(key).sign(message, timestamp, body),
    }
