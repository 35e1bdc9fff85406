"""Settings of an environment's anchors: places outside the lake that get the heads of the ledgers.

A head is number and hash of a ledger's last entry, signed. Whoever can write the lake can cut or
rewrite a ledger. It then no longer fits the heads.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from airworthy.spec.fields import Part

ANCHOR_KEY = "AIRWORTHY_ANCHOR_KEY"
"""The variable with the key of the signatures, which several machines share."""
When = Literal["append", "schedule"]
# One that depends on the caller's folder would be several.
_Path = Annotated[str, Field(pattern=r"^/.*$", description="a path that begins with /")]
_Uri = Annotated[
    str, Field(pattern=r"^(/|[a-z0-9]+://).*$", description="such as s3://bucket/prefix")
]
_Address = Annotated[
    str, Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$", description="of the form name@host")
]


class _Anchor(Part):
    """Base of the anchors.

    `when`: ``append`` sends a head after every entry, ``schedule`` only when
    ``airworthy ledger anchor`` is called, such as by cron.
    """

    when: When = "append"


class FileAnchor(_Anchor):
    """A folder, one file a model: best on another disk, or made append-only (``chattr +a``)."""

    type: Literal["file"]
    path: _Path

    @property
    def name(self) -> str:
        """The name in messages."""
        return f"file {self.path}"


class BucketAnchor(_Anchor):
    """An address such as ``s3://bucket/prefix``: best a bucket that keeps what it has."""

    type: Literal["bucket"]
    uri: _Uri

    @property
    def name(self) -> str:
        """The name in messages."""
        return f"bucket {self.uri}"


class WebhookAnchor(_Anchor):
    """A webhook that gets heads as JSON, signed by the convention Standard Webhooks."""

    type: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://\S+$", description="http(s)://...")]

    @property
    def name(self) -> str:
        """The name in messages; an address may hold a secret, so only its host is told."""
        return f"webhook {urlsplit(self.url).hostname}"


class EmailAnchor(_Anchor):
    """A mailbox. `server` is ``smtp://`` or ``smtps://[user:password@]host[:port]``."""

    type: Literal["email"]
    server: Annotated[str, Field(pattern=r"^smtps?://\S+$", description="smtp(s)://host:port")]
    sender: _Address
    to: Annotated[list[_Address], Field(min_length=1)]
    when: When = "schedule"

    @property
    def name(self) -> str:
        """The name in messages."""
        return f"email {', '.join(self.to)}"


AnchorSettings = Annotated[
    FileAnchor | BucketAnchor | WebhookAnchor | EmailAnchor, Field(discriminator="type")
]


def anchor_key(file: Path) -> bytes:
    """Return the key of the signatures: the variable's value, else that of a file of this machine.

    A missing file is created with a random key. Only its owner can read it.

    Args:
        file: `Environment.anchor_key_file`.

    Raises:
        OSError: when it can neither be read nor made.
    """
    given = os.environ.get(ANCHOR_KEY, "").strip()
    if given:
        return given.encode()
    try:
        return file.read_bytes().strip()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
    # Complete before it has its name: another process never reads a half of it.
    part = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(32))
        with suppress(FileExistsError):
            os.link(part, file)
    finally:
        part.unlink()
    return file.read_bytes().strip()
