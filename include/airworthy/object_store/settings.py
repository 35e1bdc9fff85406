"""The settings of requests to an object store: variables, timeouts, retries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
VARIABLES = (
    *CREDENTIALS,
    "AWS_ALLOW_HTTP",
    "AWS_CHECKSUM_ALGORITHM",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
)
# Whoever waits for a store that is out of reach learns it within about ten seconds: an attempt
# without a byte ends after _READ_TIMEOUT, and no attempt starts after RETRY_SECONDS.
_CONNECT_TIMEOUT = "2s"
_READ_TIMEOUT = "5s"
# delta-rs knows no read timeout. Each of its requests ends after this time, in bytes or not.
_DELTA_TIMEOUT = "10s"
RETRY_SECONDS = 4
RETRIES = 3
# The HTTP settings of object_store that operators set as AWS_<NAME>.
_CLIENT_VARIABLES = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "read_timeout",
    "timeout",
)


def local_folder(uri: str) -> Path | None:
    """Return the folder of an address, or None when it is not on a disk.

    >>> local_folder("file:///data/lake"), local_folder("s3://bucket/lake")
    (PosixPath('/data/lake'), None)
    """
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return None if "://" in uri else Path(uri)


def delta_options(uri: str) -> dict[str, str] | None:
    """Return delta-rs's ``storage_options`` for an address; None on a disk."""
    if local_folder(uri) is not None:
        return None
    retries = {"max_retries": str(RETRIES), "retry_timeout": f"{RETRY_SECONDS}s"}
    return {"timeout": _DELTA_TIMEOUT} | client_options() | retries


def polars_options(uri: str) -> dict[str, Any]:
    """Return the keyword arguments of Polars's readers for an address; none on a disk."""
    if local_folder(uri) is not None:
        return {}
    retries = {"max_retries": RETRIES, "retry_timeout_ms": RETRY_SECONDS * 1000}
    # Without a provider Polars reads the variables itself. Its provider would import boto3.
    address = endpoint()
    # Polars keeps a client for each bucket with its options. Two stores may have buckets of one name.
    own = {"aws_endpoint_url": address} if address else {}
    options = client_options() | own | retries
    return {"storage_options": options, "credential_provider": None}


def endpoint() -> str | None:
    """Return the address of the object store, where a variable has it; None: Amazon's own."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def client_options() -> dict[str, Any]:
    """Return the HTTP settings of requests: our timeouts, and the variables ``AWS_<NAME>``."""
    options = {"connect_timeout": _CONNECT_TIMEOUT, "read_timeout": _READ_TIMEOUT}
    variables = {name: os.environ.get(f"AWS_{name.upper()}") for name in _CLIENT_VARIABLES}
    return options | {name: value for name, value in variables.items() if value}
