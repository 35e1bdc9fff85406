"""Bringing a window's partitions from a source into the lake.

A partition is read when the lake lacks it, when the source may have changed it since it was last read (labels that
were late, restatements), when the spec now makes other rows of it, or when the source had nothing at the last try.
Anything else is left alone, so a second run of the same window reads and writes nothing. A partition read again with
the same content costs no rewrite: one commit notes all of a run's. A day for which the source has nothing never empties
a partition that the lake holds: that is logged, and the rows stay.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import UTC, date, datetime, time, timedelta

from airworthy.days import DAY, midnight
from airworthy.errors import TerminalError
from airworthy.features import polars_schema
from airworthy.handover import DatasetRef, Window
from airworthy.job import Job, git_commit
from airworthy.lake.conform import conform, declared_columns
from airworthy.lake.digest import dataset_digest, frame_digest
from airworthy.lake.lake import Lake
from airworthy.lake.partition_records import PartitionRecord, Reading
from airworthy.lake.sources import open_source
from airworthy.lake.statistics import Statistics, frame_statistics

log = logging.getLogger("airworthy.ingest")


def clipped_window(job: Job, lookback: timedelta, command: str) -> Window:
    """Return ``[as_of - lookback, as_of)``, clipped to the days that the spec says there are.

    Args:
        job: The run's job.
        lookback: How far back the run reads.
        command: What a person runs instead, when that cannot be: its next step.

    Raises:
        TerminalError: when `as_of` is no UTC midnight or outside the spec's days.
    """
    as_of, spec = job.run.as_of.astimezone(UTC), job.spec
    first = midnight(spec.start) + DAY
    last = midnight(spec.end) + DAY if spec.end is not None else None
    if as_of.time() != time(0) or as_of < first or (last is not None and as_of > last):
        raise TerminalError(
            "as_of is not a day for which this model has data",
            received=as_of.isoformat(),
            allowed=f"a UTC midnight from {first:%Y-%m-%d}"
            + (f" to {last:%Y-%m-%d}" if last else " on"),
            next_step=f"airworthy {command} {spec.model} --as-of {last or first:%Y-%m-%d}",
        )
    return Window(start=max(as_of - lookback, midnight(spec.start)), end=as_of)


def preprocessing_digest(job: Job) -> str:
    """Return the digest of everything in the spec that decides which rows a partition gets.

    A database's password decides nothing, and a digest of it would be a means to guess it.
    """
    declared = job.spec.ingest.model_dump(
        mode="json", include={"source", "event_time", "key", "columns"}
    )
    if declared["source"].get("url"):
        declared["source"]["url"] = _without_password(declared["source"]["url"])
    return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()


class Ingestion:
    """One run over a window; holds one partition at a time.

    `read` counts the partitions that were read. `statistics` are those of the contents that were written, by digest.
    """

    def __init__(self, job: Job, lake: Lake) -> None:
        """Open the source that the job's spec declares.

        Args:
            job: The run's job.
            lake: Where the partitions go.
        """
        self.job, self.lake, self.source = job, lake, open_source(job)
        self.preprocessing = preprocessing_digest(job)
        self.read = 0
        self.statistics: dict[str, Statistics] = {}
        self._unchanged: list[str] = []
        self._empty: list[str] = []

    def bring_in(self, window: Window) -> DatasetRef:
        """Bring a window's partitions into the lake.

        Returns:
            The dataset at the lake's version after this run.

        Raises:
            TerminalError: when the source has nothing for the whole window, or what it has cannot be used; the
                partition concerned is left as it was.
            TransientError: when the source or the lake cannot be reached.
        """
        known = self.lake.partitions()
        wanted = [
            day for day in window.days if self._needs_reading(known.get(day.isoformat()), day)
        ]
        log.info(
            "%s %s: %d partitions, %d to read",
            self.job.spec.model,
            window,
            len(window.days),
            len(wanted),
        )
        for day in wanted:
            self._bring_in(day, known.get(day.isoformat()))
        self._write_note()
        dataset = self._dataset(window)
        log.info(
            "%s: %d rows, digest %s, %d read",
            dataset.id,
            dataset.rows,
            dataset.digest,
            dataset.partitions_read,
        )
        return dataset

    def _needs_reading(self, record: PartitionRecord | None, day: date) -> bool:
        """Decide whether a partition has to be read: it is missing, made otherwise, or was not final when last read."""
        if record is None or record.preprocessing != self.preprocessing:
            return True
        settling = max(self.job.spec.ingest.label_delay, self.job.spec.ingest.restate)
        final_at = midnight(day) + DAY + settling
        return record.as_of < min(self.job.run.as_of, final_at)

    def _bring_in(self, day: date, known: PartitionRecord | None) -> None:
        """Read one day, and replace its partition if its content is new."""
        raw = self.source.read(day)
        if raw is None or raw.is_empty():
            self._nothing(day, known)
            return
        self.read += 1
        conformed = conform(raw, self.job.spec.ingest, day)
        del raw
        digest = frame_digest(conformed.rows)
        if (
            known is not None
            and known.digest == digest
            and known.quarantined == conformed.quarantine.height
        ):
            self._unchanged.append(known.partition)
            log.info("%s: read again, unchanged (%d rows)", day, known.rows)
            return
        record = PartitionRecord(
            partition=day.isoformat(),
            source=self.source.describe(),
            created=datetime.now(UTC),
            as_of=self.job.run.as_of,
            rows=conformed.rows.height,
            quarantined=conformed.quarantine.height,
            duplicates=conformed.duplicates,
            digest=digest,
            preprocessing=self.preprocessing,
            git_commit=git_commit(self.job.environment.project),
            event_time=self.job.spec.ingest.event_time,
            columns=declared_columns(self.job.spec.ingest),
        )
        self.statistics[digest] = frame_statistics(conformed.rows)
        written = self.lake.replace(conformed.rows, conformed.quarantine, record)
        log.info(
            "%s: %s, %d rows, %d quarantined, %d duplicates, digest %s",
            day,
            written.cause,
            written.rows,
            written.quarantined,
            written.duplicates,
            written.digest[:12],
        )

    def _nothing(self, day: date, known: PartitionRecord | None) -> None:
        if known is None:
            self._empty.append(day.isoformat())
            log.warning("%s: %s has nothing for this day", day, self.source.describe())
            return
        self._unchanged.append(known.partition)
        log.warning(
            "%s: %s no longer has this day; the lake keeps its rows", day, self.source.describe()
        )

    def _write_note(self) -> None:
        """Note what was read again unchanged, and days newly found empty, in one commit; if there is any, that is."""
        empty = [day for day in self._empty if day not in self.lake.refresh().empty]
        if self._unchanged or empty:
            reading = Reading(
                as_of=self.job.run.as_of,
                created=datetime.now(UTC),
                preprocessing=self.preprocessing,
                unchanged=self._unchanged,
                empty=empty,
            )
            self.lake.note(reading)

    def _dataset(self, window: Window) -> DatasetRef:
        """Return the dataset version of a window as the lake now stands."""
        records = self.lake.refresh()
        found = [
            records.partitions[day.isoformat()]
            for day in window.days
            if day.isoformat() in records.partitions
        ]
        held = [record for record in found if record.rows > 0]
        if not held:
            raise TerminalError(
                f"the source has nothing for the whole window {window}",
                received=self.source.describe(),
                allowed="at least one day with rows",
                next_step="check the source's address, and start and end",
            )
        digests = {record.partition: record.digest for record in held}
        return DatasetRef(
            model=self.job.spec.model,
            table=self.lake.data_uri,
            version=records.version,
            window=window,
            partitions=digests,
            rows=sum(record.rows for record in held),
            quarantined=sum(record.quarantined for record in found),
            partitions_read=self.read,
            digest=dataset_digest(digests, polars_schema(declared_columns(self.job.spec.ingest))),
        )


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
