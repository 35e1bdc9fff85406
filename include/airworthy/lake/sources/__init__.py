"""The sources of raw rows, behind one protocol: simulator, files, sql."""

from __future__ import annotations

from airworthy.job import Job
from airworthy.lake.sources.source import DatedSource, Source
from airworthy.spec.sources_part import FilesSource, SimulatorSource

__all__ = ["DatedSource", "Source", "open_source"]


def open_source(job: Job) -> Source:
    """Return the source declared in a job's spec; the first `read` opens it."""
    declared = job.spec.ingest.source
    if isinstance(declared, SimulatorSource):
        from airworthy.lake.sources.simulator_source import Simulator

        return Simulator(declared)
    if isinstance(declared, FilesSource):
        from airworthy.lake.sources.files_source import Files

        return Files(declared, job.spec.ingest, job.folder, job.environment.downloads)
    from airworthy.lake.sources.sql_source import Sql

    return Sql(declared, job.folder, job.spec.ingest.time_zone, job.spec.ingest.event_time)
