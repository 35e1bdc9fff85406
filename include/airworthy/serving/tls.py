"""TLS of a model server: its certificate and its key, read again when their files change."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from airworthy.environment import Environment

log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


class TlsFiles(NamedTuple):
    """The PEM files of a server: its certificate, with those that sign it, and its key."""

    certificate: Path
    key: Path


def tls_files(environment: Environment) -> TlsFiles | None:
    """Return the files of an environment's servers; None: they speak HTTP without TLS.

    Raises:
        TerminalError: when they cannot be read, or do not belong together.
    """
    settings = environment.server.tls
    if settings is None:
        return None
    files = TlsFiles(environment.project / settings.certificate, environment.project / settings.key)
    try:
        _context(files)
    except OSError as error:  # ssl.SSLError is one
        raise TerminalError(
            "the model server's certificate cannot be used",
            received=f"{files.certificate}, {files.key}: {error}",
            allowed="PEM files that this user may read: a certificate, and its key without a password",
            next_step="correct server.tls of the environment, or the files",
        ) from None
    return files


class RenewedContext:
    """The TLS context of a server's new connections. All of this runs on its event loop.

    A handshake looks at the files, at most once a second. While a new pair of files is not whole, the
    last good one serves. Open connections keep the certificate that they began with.
    """

    def __init__(self, files: TlsFiles, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the files.

        Args:
            files: The files.
            clock: Returns the time in seconds.

        Raises:
            OSError: when they cannot be used.
        """
        self._files = files
        self._clock = clock
        self._seen = _state(files)
        self._now = _context(files)
        self._looked_at = clock()
        self.first = _context(files)
        """The context to listen with. Each handshake takes the present one in its place."""
        self.first.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _first: ssl.SSLContext) -> None:
        """Give a connection the present certificate. OpenSSL calls this also without a name."""
        self._look()
        connection.context = self._now

    def _look(self) -> None:
        if self._clock() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = self._clock()
        try:
            seen = _state(self._files)
            if seen == self._seen:
                return
            self._now = _context(self._files)
        except OSError as error:
            log.error("the last good certificate serves: %s", error)
            return
        self._seen = seen
        log.warning("the certificate was read again: %s", self._files.certificate)


def _state(files: TlsFiles) -> tuple[tuple[int, int, int], ...]:
    """Return what changes with the files' content. A mounted secret is a link to another folder."""
    found = [path.stat() for path in files]
    return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A key with a password would ask the terminal.
    context.load_cert_chain(files.certificate, files.key, password="")
    return context
