"""The lines of ``airworthy servers``: one for each model server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airworthy.shown_text import one_line
from airworthy.traffic.replica_report import ModelReport
from airworthy.traffic.replica_reports import Replica
from airworthy.traffic.replica_state import replica_state

_HEAD = ("role", "replica", "host", "state", "reported", "record seen", "models")
_SAMPLES = {"predictions", "seconds", "clients"}
_ARMS = {"champion": _SAMPLES, "challenger": _SAMPLES}
_WATCH = {"whole": {"clients"}, "windows": {"__all__": {"arm": {"clients"}}}}
_UNTOLD: Any = {"rollout": _ARMS, "watch": _WATCH}


def server_lines(replicas: Sequence[Replica], now: datetime) -> list[str]:
    """Return a table with one line for each server. Times are in UTC. Pure.

    The time of its last report is also the time since which a server is silent or stopped.
    """
    rows = [_HEAD, *(_row(replica, now) for replica in replicas)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        one_line(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def server_object(replica: Replica, now: datetime) -> dict[str, Any]:
    """Return a server's last report as a JSON object, with its state and without its samples. Pure."""
    report = replica.report.model_dump(mode="json", exclude={"models": {"__all__": _UNTOLD}})
    state = replica_state(replica, now)
    return {"state": state, "reported": replica.written.isoformat(), **report}


def _row(replica: Replica, now: datetime) -> tuple[str, ...]:
    report = replica.report
    models = (_model(name, model) for name, model in sorted(report.models.items()))
    return (
        report.server,
        report.replica,
        report.host,
        replica_state(replica, now),
        _second(replica.written),
        _second(report.record_seen),
        "; ".join(models) or "-",
    )


def _model(name: str, model: ModelReport) -> str:
    """Return the versions of a model, such as ``eta 7, also 8, step 10 of 8, entry 41``."""
    parts = [f"{name} {model.champion.version if model.champion else '-'}"]
    parts += [f"also {each.version}" for each in model.loaded]
    parts += [f"not {version} ({reason})" for version, reason in sorted(model.failed.items())]
    if model.rollout is not None:
        rollout = model.rollout
        parts.append(f"step {rollout.step} of {rollout.challenger.figures.version}")
    if model.kill_switch:
        parts.append("kill switch on")
    return ", ".join([*parts, f"entry {model.seen}"])


def _second(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
