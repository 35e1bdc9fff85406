"""Clients of a model without a pause, each row under its own key; they keep every answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread

import httpx
import orjson
import polars as pl

from airworthy.release.server_client import split_body


@dataclass
class Answers:
    """Numbers of answers by version, and every failure."""

    versions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@contextmanager
def traffic(server: str, model: str, rows: pl.DataFrame) -> Iterator[Answers]:
    """Send one row after the other, again and again, until the block ends.

    Args:
        server: The server's address.
        model: The model's name.
        rows: The rows.
    """
    answers, over = Answers(), Event()
    bodies = [split_body(row) for row in rows.iter_slices(1)]

    def ask() -> None:
        with httpx.Client(base_url=server, trust_env=False, timeout=30.0) as client:
            for number in count():
                if over.is_set():
                    return
                headers = {
                    "content-type": "application/json",
                    "x-targeting-key": f"caller-{number}",
                }
                body = bodies[number % len(bodies)]
                answer = client.post(f"/models/{model}/invocations", content=body, headers=headers)
                if answer.status_code == httpx.codes.OK:
                    answers.versions[orjson.loads(answer.content)["version"]] += 1
                else:
                    answers.failures.append(answer.text)

    caller = Thread(target=ask)
    caller.start()
    try:
        yield answers
    finally:
        over.set()
        caller.join()
