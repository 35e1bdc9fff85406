"""Objects at an address: a local folder, or a bucket of an S3-compatible object store.

Everything outside Delta tables that lies below the environment's ``lake`` goes through here.
Each write replaces the whole object at once: a reader sees the old content or the new one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airworthy.errors import AirworthyError, TerminalError
from airworthy.object_store.settings import RETRIES, RETRY_SECONDS, client_options, local_folder
from airworthy.object_store.store_errors import store_error

if TYPE_CHECKING:
    import obstore.store

_READERS = 16


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

    def list(self, prefix: str = "", after: str = "") -> list[ObjectInfo]:
        """Return the objects below a folder and its subfolders, by path; empty: all of them.

        Args:
            prefix: The folder.
            after: Only objects with a path after this one.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached.
        """
        import obstore

        if self._is_missing():
            return []
        with self._errors():
            pages = obstore.list(self._store, prefix or None, offset=after or None)
            infos = [_info(meta) for page in pages for meta in page]
        return sorted(infos, key=lambda info: info.path)

    def folders(self) -> tuple[str, ...]:
        """Return the names of the folders right below the address, by name; one request for all.

        Raises:
            TerminalError: when the store refuses, or there is no such bucket.
            TransientError: when the store cannot be reached.
        """
        import obstore

        if self._is_missing():
            return ()
        with self._errors():
            prefixes = obstore.list_with_delimiter(self._store)["common_prefixes"]
        return tuple(sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in prefixes))

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
        options: Any = client_options()
        return from_url(
            self.uri,
            client_options=options,
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
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

        _Threads.claim()
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


def _info(meta: Any) -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["e_tag"] or "", meta["last_modified"], meta["size"])


class _Threads:
    """The process whose threads do obstore's work. A forked process does not have them."""

    process: int | None = None

    @classmethod
    def claim(cls) -> None:
        """Refuse a process forked from one that used a store: it would wait for ever."""
        cls.process = cls.process or os.getpid()
        if cls.process != os.getpid():
            raise TerminalError(
                "this process was forked from one that had used an object store",
                received=f"process {os.getpid()}, forked from {cls.process}",
                allowed="a process that was spawned, or forked before",
            )


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
