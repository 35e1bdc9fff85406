"""Several worker processes of one model server, on one port: ``airworthy serve --workers N``.

A parent starts the workers. They are replicas like any other: each follows the ledgers and loads
its own models. The parent serves nothing. It replaces a worker that ends, after a pause that grows
while it ends again and again.

A worker listens only when it is ready, on a socket of its own (``SO_REUSEPORT``). The kernel
spreads new connections evenly, and none waits for a worker that has ended.

SIGUSR2 renews the workers in turn and loses no request: a new worker gets the socket of an old one,
with the connections that wait there. The old one then answers what it has, and ends.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import parent_process
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from airworthy.serving.metrics_folder import metrics_folder
from airworthy.serving.server_config import server_config
from airworthy.serving.shared_metrics import SharedMetrics, forget_gauges
from airworthy.serving.shared_port import Address, bound_socket, reserved_port

if TYPE_CHECKING:
    from airworthy.server_limits import ServerLimits
    from airworthy.serving.tls import TlsFiles

log = logging.getLogger(__name__)

MakeApp = Callable[[SharedMetrics], FastAPI]
"""Returns one worker's ASGI app. It is pickled."""

_ANSWER_SECONDS = 60.0
# Python and the libraries start first: on a busy machine that takes minutes.
_START_SECONDS = 600.0
_END_SECONDS = 10.0
_SOCKET_SECONDS = 5.0
_PAUSES_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_STEADY_SECONDS = 60.0


class Worker(Process):
    """One worker process.

    Attributes:
        ended: The number of times in a row that the workers in this place ended early.
        restart_at: The time for its replacement, by `time.monotonic`; None: it has not ended.
        listens: Whether it takes connections.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        metrics: SharedMetrics,
        address: Address,
        ended: int = 0,
        handed: socket | None = None,
    ) -> None:
        """Prepare a process.

        Args:
            config: The server's configuration. Its app is a `MakeApp`.
            metrics: The metrics of all workers.
            address: The address to listen at.
            ended: See above.
            handed: The socket of the worker whose place it takes. None: it gets one of its own.
        """
        self.metrics = metrics
        self.ended = ended
        self.restart_at: float | None = None
        self.listens = False
        self._listening: list[socket] = []
        self._address = address
        self._started = self._answered = time.monotonic()
        self._asked = False
        self._has_answered = False
        super().__init__(config, [handed] if handed else [])

    def target(self, sockets: list[socket] | None = None) -> None:
        """Serve until SIGTERM or SIGINT, or until the parent ends. Runs in the worker's process."""
        drain = float(self.config.timeout_graceful_shutdown or 0)
        threading.Thread(target=_end_with_parent, args=(drain,), daemon=True).start()
        make_app: MakeApp = self.config.app  # type: ignore[assignment]
        self.config.app = partial(make_app, self.metrics)
        self._listening = sockets or [bound_socket(self._address)]
        super().target(self._listening)

    def pong(self) -> None:
        """Answer one message of the parent. Runs in the worker's process."""
        match self.child_conn.recv():
            case b"socket":
                send_handle(self.child_conn, self._listening[0].fileno(), os.getppid())
            case b"hand over":
                http: Any = self.config.http
                http.hand_over()
            case _:
                self.child_conn.send(self.server.started)

    def copy_of_socket(self) -> socket | None:
        """Return the socket at which the worker listens; None when it does not answer."""
        try:
            if self._asked:
                if not self.parent_conn.poll(_SOCKET_SECONDS):
                    return None
                self.parent_conn.recv()
                self._answered, self._asked = time.monotonic(), False
            self.parent_conn.send(b"socket")
            if self.parent_conn.poll(_SOCKET_SECONDS):
                return socket(fileno=recv_handle(self.parent_conn))
            # An answer that comes later would be taken for another one.
            self.parent_conn.close()
        except (OSError, EOFError, RuntimeError) as error:
            log.warning("worker %d gives no socket: %s", self.metrics.worker, error)
        return None

    def retire(self) -> None:
        """Have the worker answer what it has, and end. Another one listens at its socket."""
        with suppress(OSError):
            self.parent_conn.send(b"hand over")
        self.terminate()
        self.restart_at = time.monotonic() + _end_seconds(self.config)

    def is_alive(self, timeout: float = _ANSWER_SECONDS) -> bool:
        """Tell whether the process runs and has answered within a time in seconds.

        It does not wait: a worker that hangs holds up nothing of the others.
        """
        if not self.process.is_alive():
            return False
        with suppress(OSError, EOFError):
            while self.parent_conn.poll():
                self.listens = self.parent_conn.recv() is True
                self._answered, self._asked = time.monotonic(), False
                self._has_answered = True
            if not self._asked:
                self.parent_conn.send(b"ping")
                self._asked = True
        limit = timeout if self._has_answered else _START_SECONDS
        return time.monotonic() - self._answered <= limit

    def bury(self) -> None:
        """End the process for good, and set the time for its replacement."""
        self.kill()
        self.process.join()
        now = time.monotonic()
        if now - self._started > _STEADY_SECONDS:
            self.ended = 0
        pause = _PAUSES_SECONDS[min(self.ended, len(_PAUSES_SECONDS) - 1)]
        self.ended += 1
        self.restart_at = now + pause
        log.error(
            "worker %d (process %s) ended with exit code %s; a new one starts in %.0f s",
            self.metrics.worker,
            self.pid,
            self.exitcode,
            pause,
        )


class WorkerSupervisor(Multiprocess):
    """The parent of the workers."""

    processes: list[Worker]  # type: ignore[assignment]

    def __init__(self, config: uvicorn.Config, address: Address, metrics_folder: Path) -> None:
        """Take over the signals of this process.

        Args:
            config: The server's configuration: its app is a `MakeApp`, `workers` their number.
            address: The address to listen at. Its port is not 0.
            metrics_folder: An empty folder for the workers' metrics.
        """
        super().__init__(config, [])
        self._address = address
        self._metrics_folder = metrics_folder
        self._to_renew: list[int] = []
        self._successor: Worker | None = None
        self._retired: list[Worker] = []

    def init_processes(self) -> None:
        """Start the workers."""
        self.processes = [self._start(number) for number in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended, or hang."""
        if self.should_exit.is_set():
            return
        for number, worker in enumerate(self.processes):
            if worker.restart_at is not None:
                if time.monotonic() >= worker.restart_at:
                    again = self._start(worker.metrics.worker, worker.ended)
                    self.processes[number] = again
            elif not worker.is_alive():
                worker.bury()
                forget_gauges(self._metrics_folder, worker.metrics.worker)
        self._end_retired()
        self._renew()

    def terminate_all(self) -> None:
        """Have all workers answer what they have, and end."""
        super().terminate_all()
        if self._successor is not None:
            self._successor.terminate()

    def join_all(self) -> None:
        """Wait for the workers' ends. One that takes too long is killed."""
        until = time.monotonic() + _end_seconds(self.config)
        successor = [self._successor] if self._successor else []
        for worker in (*self.processes, *self._retired, *successor):
            worker.process.join(max(0.0, until - time.monotonic()))
            worker.process.kill()
            worker.process.join()

    def handle_hup(self) -> None:
        """End the server, as one process does."""
        self.handle_term()

    def handle_ttin(self) -> None:
        """Keep the number of workers."""
        log.warning("the number of workers is fixed; start the server with another --workers")

    handle_ttou = handle_ttin

    def handle_usr2(self) -> None:
        """Renew the workers, one after the other."""
        self._to_renew = list(range(self.processes_num))

    def _renew(self) -> None:
        """Do the next step of the renewal of the workers, if there is one. It does not wait."""
        if self._successor is not None:
            self._follow_successor(self._successor)
        elif self._to_renew:
            old = self.processes[self._to_renew[0]]
            number = self._free_number(self._to_renew[0])
            if old.restart_at is not None:
                # It has ended: its replacement is new anyway.
                del self._to_renew[0]
            elif number is not None:
                self._successor = self._start(number, handed=old.copy_of_socket())

    def _follow_successor(self, successor: Worker) -> None:
        if not successor.is_alive():
            log.error("a new worker did not start; the renewal ends, the old workers serve on")
            successor.bury()
            forget_gauges(self._metrics_folder, successor.metrics.worker)
            self._to_renew = []
        elif successor.listens:
            place = self._to_renew.pop(0)
            old = self.processes[place]
            self.processes[place] = successor
            if old.restart_at is None:
                old.retire()
                self._retired.append(old)
        else:
            return
        self._successor = None

    def _free_number(self, place: int) -> int | None:
        """Return a number for the metrics that no running worker has."""
        taken = {worker.metrics.worker for worker in (*self.processes, *self._retired)}
        free = [each for each in (place, place + self.processes_num) if each not in taken]
        return free[0] if free else None

    def _end_retired(self) -> None:
        """Forget the workers that have ended. One that takes too long is killed."""
        for worker in list(self._retired):
            if time.monotonic() > (worker.restart_at or 0.0):
                worker.process.kill()
            if not worker.process.is_alive():
                worker.process.join()
                forget_gauges(self._metrics_folder, worker.metrics.worker)
                self._retired.remove(worker)

    def _start(self, number: int, ended: int = 0, handed: socket | None = None) -> Worker:
        metrics = SharedMetrics(self._metrics_folder, number, os.getpid())
        worker = Worker(self.config, metrics, self._address, ended, handed)
        worker.start()
        if handed is not None:
            handed.close()
        return worker


def serve_with_workers(  # noqa: PLR0913 - the parts of one server
    make_app: MakeApp,
    workers: int,
    *,
    host: str,
    port: int,
    metrics: Path,
    limits: ServerLimits | None = None,
    tls: TlsFiles | None = None,
) -> None:
    """Serve with several processes until SIGINT or SIGTERM. Running requests are answered first.

    Args:
        make_app: Makes the app of each worker, in its process.
        workers: The number of processes.
        host: The address to listen at.
        port: The port to listen at.
        metrics: The folder for the workers' metrics.
        limits: The limits of each worker. None: the usual ones.
        tls: The files of the server's certificate. None: no TLS.

    Raises:
        TerminalError: when another server has the port.
    """
    with reserved_port(host, port) as address, metrics_folder(metrics) as folder:
        config = server_config(make_app, *address, limits, tls)
        config.factory, config.workers = True, workers
        WorkerSupervisor(config, address, folder).run()


def _end_seconds(config: uvicorn.Config) -> float:
    """Return the time after which a worker that was told to end is killed."""
    return float(config.timeout_graceful_shutdown or 0) + _END_SECONDS


def _end_with_parent(drain_seconds: float) -> None:
    """End this process after its parent, also when the parent was killed."""
    parent = parent_process()
    if parent is None:
        return
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(drain_seconds + _END_SECONDS)
    os._exit(1)
