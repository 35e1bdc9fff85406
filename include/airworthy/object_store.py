"""Objects at an address: a local folder, or a bucket of an S3-compatible object store.

Everything outside Delta tables that lies below the environment's ``lake`` goes through here.
Credentials and the endpoint come from the standard variables of AWS (`VARIABLES`). delta-rs, Polars
and MLflow read the same ones; `delta_options` and `polars_options` give the first two the same
timeouts.

Each write replaces the whole object at once: a reader sees the old content or the new one.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airworthy.errors import AirworthyError, TerminalError, TransientError

if TYPE_CHECKING:
    import obstore.store

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
VARIABLES = (
    *CREDENTIALS,
    "AWS_ALLOW_HTTP",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
)
# Whoever waits for a store that is out of reach learns it within about ten seconds: an attempt
# without a byte ends after _READ_TIMEOUT, and no attempt starts after _RETRY_SECONDS.
_CONNECT_TIMEOUT = "2s"
_READ_TIMEOUT = "5s"
# delta-rs knows no read timeout. Each of its requests ends after this time, in bytes or not.
_DELTA_TIMEOUT = "10s"
_RETRY_SECONDS = 4
_RETRIES = 3
_READERS = 16
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
_ANSWER = re.compile(r"<(\?xml|Error|html).*", re.DOTALL | re.IGNORECASE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m|\N{DOWNWARDS ARROW WITH TIP RIGHTWARDS}")
_REFUSAL = re.compile(r"40[134] (Unauthorized|Forbidden|Not Found)|NoSuchBucket|AccessDenied")
_CODE = re.compile(r"<Code>(\w+)</Code>")


@dataclass(frozen=True)
class ObjectInfo:
    """One object: its path below the store's address, and what changes with its content.

    `etag` is opaque. `last_modified` is in UTC, by the store's own clock. `size` is in bytes.
    """

    path: str
    etag: str
    last_modified: datetime
    size: int


@dataclass(frozen=True)
class StoredObject(ObjectInfo):
    """One object with its content."""

    content: bytes


class ObjectStore:
    """The objects below one address."""

    def __init__(self, uri: str) -> None:
        """See `open_store`."""
        self.uri = uri
        self._folder = local_folder(uri)

    def read(self, path: str) -> StoredObject | None:
        """Return an object with its content; None when there is none.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached.
        """
        import obstore

        if self._is_missing():
            return None
        with self._errors():
            try:
                answer = obstore.get(self._store, path)
                content = bytes(answer.bytes())
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None
            info = _info(answer.meta)
        return StoredObject(info.path, info.etag, info.last_modified, info.size, content)

    def read_all(self, paths: Sequence[str]) -> list[StoredObject | None]:
        """Return what `read` returns for each path, in order; many are read at once.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached.
        """
        if self._folder is not None or len(paths) < 2:
            return [self.read(path) for path in paths]
        with ThreadPoolExecutor(_READERS) as pool:
            return list(pool.map(self.read, paths))

    def write(self, path: str, content: bytes) -> str:
        """Write an object, in the place of the one that is there; return its etag.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached. The object may be written all the
                same.
        """
        with self._errors(), self._lock():
            return self._put(path, content, mode="overwrite")

    def write_if_absent(self, path: str, content: bytes) -> str | None:
        """Write an object unless there is one; return its etag, or None when there is one.

        Of several writers at the same time, one writes. A store whose answer was lost in a retry
        may return None to the one that wrote: a caller that must know reads the object.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached. The object may be written all the
                same.
        """
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._errors(), self._lock():
            try:
                return self._put(path, content, mode="create")
            except (AlreadyExistsError, PreconditionError):
                return None

    def write_if_match(self, path: str, content: bytes, etag: str) -> str | None:
        """Replace an object if it still has this etag; return the new one, or None.

        Args:
            path: The object.
            content: Its new content.
            etag: From `read`, `list` or a write.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached. The object may be written all the
                same.
        """
        from obstore.exceptions import PreconditionError

        with self._errors(), self._lock():
            try:
                if self._folder is None:
                    return self._put(path, content, mode={"e_tag": etag})
                # A folder compares nothing by itself: all writers of this folder hold its lock.
                return self._put(path, content) if self._etag(path) == etag else None
            except (FileNotFoundError, PreconditionError) as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """Return the objects below a folder and its subfolders, by path; empty: all of them.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached.
        """
        import obstore

        if self._is_missing():
            return []
        with self._errors():
            pages = obstore.list(self._store, prefix or None)
            infos = [_info(meta) for page in pages for meta in page]
        return sorted(infos, key=lambda info: info.path)

    def delete(self, path: str) -> None:
        """Delete an object; without one, do nothing.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached.
        """
        import obstore

        if self._is_missing():
            return
        with self._errors(), self._lock():
            try:
                obstore.delete(self._store, path)
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise

    @cached_property
    def _store(self) -> obstore.store.ObjectStore:
        from obstore.store import LocalStore, from_url

        if self._folder is not None:
            return LocalStore(self._folder, mkdir=True)
        options: Any = _client_options()
        return from_url(
            self.uri,
            client_options=options,
            retry_config={
                "max_retries": _RETRIES,
                "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
                "backoff": {"max_backoff": timedelta(seconds=1)},
            },
        )

    def _put(self, path: str, content: bytes, mode: Any = "overwrite") -> str:
        import obstore

        # Only one request at a time is conditional: no multipart upload.
        multipart = None if mode == "overwrite" else False
        answer = obstore.put(self._store, path, content, mode=mode, use_multipart=multipart)
        return answer["e_tag"] or ""

    def _etag(self, path: str) -> str | None:
        import obstore

        return obstore.head(self._store, path)["e_tag"]

    def _is_missing(self) -> bool:
        """Return whether this is a folder that nobody made yet."""
        return self._folder is not None and not self._folder.is_dir()

    def _lock(self) -> AbstractContextManager[None]:
        return nullcontext() if self._folder is None else _locked(self._folder)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except AirworthyError:
            raise
        except (BaseError, OSError, ValueError) as error:
            raise store_error(self.uri, error) from None


def open_store(uri: str | Path) -> ObjectStore:
    """Return the objects below an address; nothing is read or made yet.

    `uri` is a local folder, ``file://...`` or ``s3://bucket/prefix``.
    """
    return ObjectStore(str(uri).rstrip("/") or "/")


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
    retries = {"max_retries": str(_RETRIES), "retry_timeout": f"{_RETRY_SECONDS}s"}
    return {"timeout": _DELTA_TIMEOUT} | _client_options() | retries


def polars_options(uri: str) -> dict[str, Any]:
    """Return the keyword arguments of Polars's readers for an address; none on a disk."""
    if local_folder(uri) is not None:
        return {}
    retries = {"max_retries": _RETRIES, "retry_timeout_ms": _RETRY_SECONDS * 1000}
    # Without a provider Polars reads the variables itself. Its provider would import boto3.
    return {"storage_options": _client_options() | retries, "credential_provider": None}


def _client_options() -> dict[str, Any]:
    """Return the HTTP settings of requests: our timeouts, and the variables ``AWS_<NAME>``."""
    options = {"connect_timeout": _CONNECT_TIMEOUT, "read_timeout": _READ_TIMEOUT}
    variables = {name: os.environ.get(f"AWS_{name.upper()}") for name in _CLIENT_VARIABLES}
    return options | {name: value for name, value in variables.items() if value}


def store_error(uri: str, error: Exception) -> AirworthyError:
    """Return the error for an exception of the store; it has the address and no credentials."""
    text = reason(error)
    if local_folder(uri) is not None:
        return TransientError(
            f"the files cannot be used at {uri}",
            received=text,
            next_step="check that the folder can be written to and is not full, then run again",
        )
    if is_refusal(error):
        return TerminalError(
            f"the object store refuses {uri}",
            received=text,
            allowed="a bucket that exists, and credentials that may read and write it",
            next_step="check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, "
            "AWS_REGION and the bucket",
        )
    return TransientError(
        f"the object store cannot be reached at {uri}",
        received=text,
        next_step="check AWS_ENDPOINT_URL and that the server answers, then run again",
    )


def reason(error: Exception) -> str:
    """Return an exception's text on one line, without credentials and without the server's page."""
    text = _COLOURS.sub(" ", str(error).split("\n\nDebug source", 1)[0])
    code = _CODE.search(text)
    text = " ".join(_ANSWER.sub(code[1] if code else "", text).split())
    for variable in CREDENTIALS:
        secret = os.environ.get(variable)
        text = text.replace(secret, f"<{variable}>") if secret else text
    return f"{type(error).__name__}: {text}"


def is_refusal(error: Exception) -> bool:
    """Return whether trying again cannot help: wrong credentials, no rights, no such bucket."""
    return (
        isinstance(error, PermissionError | ValueError) or _REFUSAL.search(str(error)) is not None
    )


def _info(meta: Any) -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["e_tag"] or "", meta["last_modified"], meta["size"])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, among all processes of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
