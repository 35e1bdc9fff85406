"""The head of a ledger: number and hash of its last entry, as a signed message of one line.

The signature is that of the convention Standard Webhooks: HMAC-SHA256 of id, time and body. So a
receiver of the webhook checks a head as it checks an alert, and a kept line is checked alike.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

_PREFIX = "whsec_"


@dataclass(frozen=True)
class SignedHead:
    """A head as it is sent and kept: the message's id, its time, its body and its signature.

    `timestamp` is in seconds since 1970, UTC. `body` is the head as JSON.
    """

    id: str
    timestamp: int
    body: str
    signature: str

    @property
    def line(self) -> str:
        """The message as one line of JSON, in ASCII."""
        return json.dumps(asdict(self))


class Head(BaseModel):
    """A ledger's last entry at one moment.

    Attributes:
        environment: The environment's name: several may have one anchor.
        model: The model.
        sequence: The number of the entry; 0: the ledger is empty.
        entry_id: Its id.
        hash: Its hash, which covers all entries before it.
        time: Its time, ISO 8601, UTC.
        at: The time of the head, ISO 8601, UTC, with microseconds.
        accepted_by: The person who accepted the ledger as it is; None: an ordinary head.
        reason: The reason of the acceptance.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: str
    model: str
    sequence: int
    entry_id: str
    hash: str
    time: str
    at: str
    accepted_by: str | None = None
    reason: str | None = None

    def signed(self, key: bytes) -> SignedHead:
        """Return the signed message. `key` is that of `airworthy.anchor_settings.anchor_key`."""
        moment = int(datetime.now(UTC).timestamp())
        # ASCII alone: the line goes through mails and terminals.
        body = json.dumps(self.model_dump(exclude_none=True))
        digest = hashlib.sha256(body.encode()).hexdigest()
        message = f"head_{digest[:32]}"
        return SignedHead(message, moment, body, _signature(key, message, moment, body))


@dataclass(frozen=True)
class KeptHead:
    """A head that an anchor has kept.

    Attributes:
        head: The head.
        anchor: The anchor's name.
        proved: True when its signature is that of the key.
    """

    head: Head
    anchor: str
    proved: bool


def read_head(line: str, key: bytes, anchor: str) -> KeptHead | None:
    """Return the head of a kept line; None when it is no head.

    Args:
        line: The line.
        key: The key.
        anchor: The name of the anchor that has kept it.
    """
    try:
        signed = SignedHead(**json.loads(line))
        head = Head.model_validate_json(signed.body)
        expected = _signature(key, signed.id, int(signed.timestamp), signed.body)
        proved = hmac.compare_digest(expected.encode(), str(signed.signature).encode())
    except (ValueError, TypeError, ValidationError):
        return None
    return KeptHead(head, anchor, proved)


def _signature(key: bytes, message: str, timestamp: int, body: str) -> str:
    digest = hmac.new(_secret(key), f"{message}.{timestamp}.{body}".encode(), hashlib.sha256)
    return f"v1,{base64.b64encode(digest.digest()).decode()}"


def _secret(key: bytes) -> bytes:
    """Return the secret: a key that begins with ``whsec_`` is base64 after that, as for alerts."""
    text = key.decode(errors="replace")
    return base64.b64decode(text.removeprefix(_PREFIX) + "==") if text.startswith(_PREFIX) else key
