"""The port of a model server: its own, or one for several processes."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

from airworthy.errors import TerminalError
from airworthy.serving.port_owner import owner_in_words

_HANDED_SOCKET = "AIRWORTHY_HANDED_SOCKET"


class Address(NamedTuple):
    """An address to listen at."""

    host: str
    port: int


@contextmanager
def reserved_port(host: str, port: int) -> Iterator[Address]:
    """Reserve a port for processes with `bound_socket`, until the block ends.

    Args:
        host: The address.
        port: The port; 0: a free one.

    Raises:
        TerminalError: when another server has the port.
    """
    with _socket(host) as shared:
        try:
            # A shared port can be bound while others listen at it. This one cannot.
            with _socket(host) as alone:
                alone.bind((host, port))
            _share(shared)
            shared.bind((host, port))
        except OSError as error:
            raise _cannot_listen(host, port, error) from None
        yield Address(host, shared.getsockname()[1])


def _reason(error: OSError, port: int) -> str:
    if error.errno != errno.EADDRINUSE:
        return "this address cannot be used"
    return f"the port is taken by {owner_in_words(port)}"


def bound_socket(address: Address) -> socket.socket:
    """Return a socket at a shared port. It gets connections once it listens.

    Raises:
        OSError: when the port is not reserved by this user.
    """
    bound = _socket(address.host)
    _share(bound)
    bound.bind(address)
    return bound


def own_socket(host: str, port: int) -> socket.socket:
    """Return a socket at a port that no other server has; 0: a free one.

    Args:
        host: The address.
        port: The port.

    Raises:
        TerminalError: when another server has the port, or the address is of another machine.
    """
    bound = _socket(host)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _cannot_listen(host, port, error) from None
    return bound


def handed_socket() -> socket.socket | None:
    """Return the socket of the server that this process takes over from; None: there was none."""
    descriptor = os.environ.pop(_HANDED_SOCKET, None)
    if descriptor is None:
        return None
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return socket.socket(fileno=int(descriptor))


def start_anew(kept: socket.socket) -> NoReturn:
    """Run this process's command again in its place, with a socket; see `handed_socket`.

    Connections wait at the socket meanwhile. A second signal to start anew is ignored until then,
    and helpers of this process that end now leave nothing behind.
    """
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    kept.set_inheritable(True)
    os.environ[_HANDED_SOCKET] = str(kept.fileno())
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same command


def _cannot_listen(host: str, port: int, error: OSError) -> TerminalError:
    return TerminalError(
        f"the server cannot listen at {host}:{port}: {_reason(error, port)}",
        received=str(error),
        allowed="an address of this machine and a free port",
        next_step="end the other program, or choose another port: --port, or the variable "
        "AIRWORTHY_SERVER_PORT",
    )


def _socket(host: str) -> socket.socket:
    created = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    created.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return created


def _share(opened: socket.socket) -> None:
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
