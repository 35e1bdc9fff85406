"""Replays simulated days: sends their rows to the model server, and their labels afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airworthy.handover import Window
from airworthy.job import Job
from airworthy.predictions.prediction_ids import prediction_id

if TYPE_CHECKING:
    from airworthy.release.server_client import ServerClient

BATCH_ROWS = 250


@dataclass(frozen=True)
class ReplayedDays:
    """Answered days: the requests' ids, the versions of the answers, and the number of rows."""

    window: Window
    requests: tuple[str, ...]
    versions: tuple[str, ...]
    rows: int


def replay(job: Job, server: ServerClient, window: Window) -> ReplayedDays:
    """Send every row of a window to the champion, in order of time, and each day's labels after the day.

    Args:
        job: The model's job, with its source.
        server: The model server.
        window: The days.

    Raises:
        TerminalError: when the server refuses the rows or the labels.
        TransientError: when it does not answer.
    """
    from airworthy.lake.conform import conform
    from airworthy.lake.sources import open_source

    ingest, source = job.spec.ingest, open_source(job)
    requests, versions, count = [], set(), 0
    for day in window.days:
        raw = source.read(day)
        if raw is None:
            continue
        rows = conform(raw, ingest, day).rows.sort(ingest.event_time)
        labels = []
        for batch in rows.iter_slices(BATCH_ROWS):
            answer = server.predict_champion(job.spec.model, batch.drop(ingest.label))
            requests.append(answer["id"])
            versions.add(answer["version"])
            labels += [
                (prediction_id(answer["id"], row), label)
                for row, label in enumerate(batch[ingest.label])
            ]
        server.send_labels(job.spec.model, [pair for pair in labels if pair[1] is not None])
        count += rows.height
    return ReplayedDays(window, tuple(requests), tuple(sorted(versions, key=int)), count)
