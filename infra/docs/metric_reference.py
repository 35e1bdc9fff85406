"""The reference page of the metrics: each family that a model server or the exporter has."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from markdown import code, page, table
from prometheus_client import CollectorRegistry

from airworthy.environment import Environment, load_environment
from airworthy.handover import DatasetRef, Window
from airworthy.metrics.exporter import FileCollector
from airworthy.metrics.ledger_metrics import LedgerCollector
from airworthy.metrics.replica_metrics import ReplicaCollector
from airworthy.metrics.resource_usage import ResourceUsage
from airworthy.metrics.stage_metrics import OUTCOMES, dataset_metrics, stage_metrics
from airworthy.metrics.statsd import StatsdCollector
from airworthy.monitoring.gauges import GAUGES
from airworthy.serving.server_metrics import ServerMetrics

_UNITS = {
    "_timestamp_seconds": "seconds since 1970, in UTC",
    "_seconds": "seconds",
    "_bytes": "bytes",
    "_rows": "rows",
    "_entry": "sequence number",
    "_info": "1",
}
_DAY = datetime(2026, 3, 20, tzinfo=UTC)


class Family(NamedTuple):
    """A metric's name without an ending, its type, its meaning and its labels."""

    name: str
    type: str
    text: str
    labels: tuple[str, ...]


def metric_page() -> str:
    """Return the page of the metrics."""
    with tempfile.TemporaryDirectory() as folder:
        environment = load_environment().model_copy(
            update={"models": Path(folder), "state": Path(folder), "lake": f"{folder}/lake"}
        )
        exported = _exported(environment)
    return page(
        "Metrics",
        "Prometheus' text format. A counter's sample ends with `_total`; a histogram's samples end "
        "with `_bucket`, `_sum` and `_count`. The label `model` is a model's name.",
        "## Of a model server",
        "`GET /metrics` of `airworthy serve`, without a token. The metrics `process_*` of Prometheus' "
        "client are beside them, unless the server has several workers.",
        _table(_server()),
        "## Of the exporter",
        "`airworthy metrics`, on port 9102. It serves the ledgers, the stages and the monitors, and "
        "passes on Airflow's own metrics under their names.",
        _table(exported),
        "## Of the exporter: stages",
        f"Of each run of a stage. The label `outcome` is {', '.join(map(code, OUTCOMES))}.",
        _table(_of_registry(stage_metrics("model", "train", OUTCOMES[0], _usage()))),
        "## Of the exporter: datasets",
        "Of the dataset version that was ingested last.",
        _table(_of_registry(dataset_metrics(_dataset()))),
        "## Of the exporter: monitors",
        "Of the newest window that a model's monitor looked at.",
        _table(
            Family(f"airworthy_monitor_{name}", "gauge", text, ("model", *labels))
            for name, (text, labels) in GAUGES.items()
        ),
    )


def _table(families: Iterable[Family]) -> str:
    rows = [
        (code(_sample(each)), each.type, _names(each.labels), _unit(each), each.text)
        for each in sorted(families)
    ]
    return table(("name", "type", "labels", "unit", "meaning"), rows)


def _sample(family: Family) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _names(labels: Iterable[str]) -> str:
    return ", ".join(map(code, labels))


def _unit(family: Family) -> str:
    named = (unit for ending, unit in _UNITS.items() if family.name.endswith(ending))
    return next(named, "number")


def _server() -> list[Family]:
    metrics = ServerMetrics()
    metrics.lost_records()
    metrics.show_spool(1)
    metrics.register_record(lambda: None, lambda: False)
    return _of_registry(metrics.registry)


def _exported(environment: Environment) -> list[Family]:
    ledgers = LedgerCollector(environment)
    ledgers.poll()
    sources = (
        FileCollector(environment),
        ledgers,
        ReplicaCollector(environment),
        StatsdCollector(),
    )
    return [_family(each) for source in sources for each in source.collect()]


def _of_registry(registry: CollectorRegistry) -> list[Family]:
    """Return the families of a registry, of Prometheus' own ones none."""
    found = []
    # A family of the client knows its labels only by its collector, as long as it has no sample.
    for collector in registry._collector_to_names:
        described: Any = collector
        families = [described] if hasattr(described, "_labelnames") else described.collect()
        found += [_family(each) for each in families]
    return [each for each in found if each.name.startswith("airworthy_")]


def _family(described: Any) -> Family:
    if hasattr(described, "_type"):  # a collector of the client
        parts = (described._name, described._type, described._documentation)
    else:
        parts = (described.name, described.type, described.documentation)
    return Family(*parts, tuple(getattr(described, "_labelnames", ())))


def _usage() -> ResourceUsage:
    return ResourceUsage()


def _dataset() -> DatasetRef:
    window = Window(start=_DAY - timedelta(days=1), end=_DAY)
    return DatasetRef(
        model="model",
        table="",
        version=0,
        window=window,
        partitions={"2026-03-19": ""},
        rows=0,
        quarantined=0,
        digest="",
    )
