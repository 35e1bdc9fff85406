"""The state of a model server by its last report. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from airworthy.traffic.replica_reports import Replica

ReplicaState = Literal["ready", "not ready", "silent", "stopped"]


def replica_state(replica: Replica, now: datetime) -> ReplicaState:
    """Return the state of a model server.

    ``ready``      it may get requests
    ``not ready``  it reports, and may get no requests: it starts, or cannot see the record
    ``silent``     it has neither ended nor reported within its lease
    ``stopped``    it has ended by itself
    """
    report = replica.report
    if report.stopped:
        return "stopped"
    if now - replica.written > timedelta(seconds=report.lease_seconds):
        return "silent"
    return "ready" if report.ready else "not ready"
