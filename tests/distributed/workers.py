"""Celery's workers: each one on a machine of its own, told over the broker which tasks to take."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
from celery import Celery
from redis import Redis

from .machines import Machine
from .settings import shared_settings

_ANSWER_SECONDS = 10.0
_QUEUE = "default"


@dataclass(frozen=True)
class Workers:
    """The workers of a broker."""

    broker: str

    def answering(self, count: int) -> bool:
        """Return whether so many workers answer."""
        with Celery(broker=self.broker) as app:
            return len(app.control.ping(timeout=_ANSWER_SECONDS, limit=count)) == count

    def take_no_more(self, worker: Machine) -> None:
        """Let a worker finish its tasks and take no others."""
        self._order("cancel_consumer", worker)

    def take_again(self, worker: Machine) -> None:
        """Let a worker take tasks again."""
        self._order("add_consumer", worker)

    def unacknowledged(self) -> int:
        """Return how many messages workers have taken and not finished."""
        with Redis.from_url(self.broker) as client:
            return int(client.hlen("unacked"))

    def _order(self, name: str, worker: Machine) -> None:
        """Give a worker an order, and wait until it has confirmed it."""
        destination = [f"celery@{worker.address}"]
        with Celery(broker=self.broker) as app:
            answers = getattr(app.control, name)(
                _QUEUE, destination=destination, reply=True, timeout=_ANSWER_SECONDS
            )
        assert len(answers) == 1, f"{worker.address} did not confirm {name}: {answers}"


def idle_pool(task: psutil.Process) -> list[psutil.Process]:
    """Return the processes of a worker's pool but the one that watches over a task."""
    watching = task.parent()
    main = watching.parent() if watching is not None else None
    assert main is not None, f"{task} is no task of a worker"
    # A process of the pool that ran a task keeps the name that it had then.
    pool = [each for each in main.children() if each.name().startswith(("[celeryd", "airflow sup"))]
    assert len(pool) == int(shared_settings()["AIRFLOW__CELERY__WORKER_CONCURRENCY"])
    return [process for process in pool if process != watching]
