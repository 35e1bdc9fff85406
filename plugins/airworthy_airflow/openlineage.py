"""What a stage read and made, as OpenLineage's datasets and facets: what Airflow's provider sends for the task.

Imported only while the provider is on (``[openlineage] transport``), in the process that it forks for an event: nothing
heavy may be imported here, and nothing be looked up that the task was not handed.

Datasets are named as OpenLineage's naming asks: the lake's table and files by their address, a database by its
server, everything of MLflow below its tracking address, what serves below the model server's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    RunFacet,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
    storage_dataset,
)

from airworthy.environment import Environment, load_environment
from airworthy.registry.mlflow_errors import without_secrets
from airworthy.spec import ModelSpec, load_spec
from airworthy.spec.sources_part import FilesSource, Source, SqlSource

Values = Mapping[str, Any]
_READ = {
    "validate": ("dataset",), "train": ("dataset",), "evaluate": ("dataset", "challenger"),
    "register": ("challenger",), "deploy_staging": ("version",), "approval": ("version",), "rollout": ("version",),
    "deploy_production": ("version",), "score": ("scoring_inputs",),
}  # fmt: skip
_MADE = {
    "ingest": "dataset", "train": "challenger", "register": "version", "deploy_production": "deployment",
    "rollback": "rollback", "ingest_inputs": "scoring_inputs", "score": "batch_score",
}  # fmt: skip
_LONG = frozenset({"partitions", "gates", "slices", "checks", "parameters", "split", "dataset"})
"""What stages hand over that is too long for an event, or in another facet."""


@attr.define
class AirworthyDatasetFacet(DatasetFacet):
    """What a dataset is to Airworthy: a dataset version with its digest, a logged model, a registered version."""

    about: dict[str, Any]


@attr.define
class AirworthyRunFacet(RunFacet):
    """Which stage ran for which model, and what it handed over."""

    stage: str
    model: str
    result: dict[str, Any]


def lineage_of(
    stage: str, model: str, handed: Values, handed_over: Values
) -> OperatorLineage[Dataset, AirworthyRunFacet]:
    """Return what a stage read and made.

    Args:
        stage: The stage's name.
        model: The model's name.
        handed: What was handed to the stage, by name, as JSON values.
        handed_over: What it handed over; nothing when it failed.
    """
    environment = load_environment()
    spec = load_spec(environment.models / model / "model.yaml")
    found = [
        _dataset_for(name, handed[name], spec, environment)
        for name in _READ.get(stage, ())
        if name in handed
    ]
    inputs = [InputDataset(each.namespace, each.name, facets=each.facets) for each in found]
    if stage in ("ingest", "ingest_inputs"):
        inputs = [_source(stage, spec, environment)]
    if stage == "validate" and inputs:
        inputs[0].inputFacets = _assertions(handed_over)
    outputs = []
    if handed_over and stage in _MADE:
        made = _dataset_for(_MADE[stage], handed_over, spec, environment)
        outputs = [
            OutputDataset(
                made.namespace, made.name, facets=made.facets, outputFacets=_counted(handed_over)
            )
        ]
    facet = AirworthyRunFacet(stage=stage, model=model, result=_short(handed_over))
    return OperatorLineage(inputs=[*inputs], outputs=[*outputs], run_facets={"airworthy": facet})


def _dataset_for(name: str, value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    made: dict[str, Callable[[Values, ModelSpec, Environment], Dataset]] = {
        "dataset": _dataset_version,
        "challenger": _logged_model,
        "version": _registered_version,
        "deployment": _served,
        "rollback": _served,
        "scoring_inputs": _scoring_inputs,
        "batch_score": _batch_score,
    }
    return made[name](value, spec, environment)


def _scoring_inputs(value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    """Return the rows that are scored; those of a source that only scoring has come without the label."""
    own = spec.score is not None and spec.score.source is not None
    columns = {
        name: kind
        for name, kind in spec.ingest.columns.items()
        if not own or name != spec.ingest.label
    }
    unlabelled = spec.model_copy(
        update={"ingest": spec.ingest.model_copy(update={"columns": columns})}
    )
    return _dataset_version(value["dataset"], unlabelled, environment)


def _batch_score(value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    """Return the table of batch predictions after a run."""
    about = {name: value[name] for name in ("bundle_digest", "rows_written", "quarantined")}
    about |= {"model_version": value["version"], "window_start": value["window"]["start"]}
    about |= {"window_end": value["window"]["end"]}
    storage = storage_dataset.StorageDatasetFacet(storageLayer="delta", fileFormat="parquet")
    return _named(
        *address(value["table"]), str(value["table_version"]), about, {"storage": storage}
    )


def _dataset_version(value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    window, digests = value["window"], value["partitions"]
    about = {
        "id": f"{spec.model}/{window['end'][:10]}/{value['digest'][:12]}",
        "digest": value["digest"],
        "window_start": window["start"],
        "window_end": window["end"],
        "partitions": len(digests),
        "rows": value["rows"],
        "quarantined": value["quarantined"],
    }
    columns = {spec.ingest.event_time: "datetime", **spec.ingest.columns}
    fields = [
        schema_dataset.SchemaDatasetFacetFields(name=name, type=kind)
        for name, kind in columns.items()
    ]
    more = {
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
        "storage": storage_dataset.StorageDatasetFacet(storageLayer="delta", fileFormat="parquet"),
    }
    return _named(*address(value["table"]), str(value["version"]), about, more)


def _logged_model(value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    names = ("mlflow_run_id", "bundle_digest", "model_sha256", "idempotency_key", "best_iteration")
    about = {name: value[name] for name in names if name in value}
    return _named(_mlflow(environment), value["model_uri"], value["mlflow_run_id"], about)


def _registered_version(value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    about = {name: value[name] for name in ("bundle_digest", "validation_status")}
    return _named(_mlflow(environment), f"models:/{value['model']}", value["version"], about)


def _served(value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    """Return what the model server in production answers with after a deployment or a rollback."""
    version = value["to_version"] if "to_version" in value else value["version"]
    about = {
        "alias": "champion",
        "instead_of": value.get("from_version", value.get("previous_version")),
    }
    return _named(without_secrets(environment.server_url), f"models/{spec.model}", version, about)


def _named(
    namespace: str,
    name: str,
    version: str,
    about: dict[str, Any],
    more: Mapping[str, DatasetFacet] | None = None,
) -> Dataset:
    facets: dict[str, DatasetFacet] = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version),
        "airworthy": AirworthyDatasetFacet(about=about),
    }
    return Dataset(namespace=namespace, name=name, facets={**facets, **(more or {})})


def _source(stage: str, spec: ModelSpec, environment: Environment) -> InputDataset:
    scored = spec.score.source if spec.score and stage == "ingest_inputs" else None
    return InputDataset(
        *_source_address(scored or spec.ingest.source, spec, environment), facets={}
    )


def _source_address(source: Source, spec: ModelSpec, environment: Environment) -> tuple[str, str]:
    if isinstance(source, FilesSource):
        local = "://" not in source.path
        return address(str(environment.models / spec.model / source.path) if local else source.path)
    if isinstance(source, SqlSource):
        if source.url is None:
            return f"airflow-connection://{source.connection}", spec.model
        url = urlsplit(source.url)
        # The driver is how one gets there, not what is there.
        server = f"{url.scheme.partition('+')[0]}://{url.hostname or ''}{f':{url.port}' if url.port else ''}"
        return server, url.path.lstrip("/") or spec.model
    return "simulator", f"{source.scenario}/seed={source.seed}"


def address(place: str) -> tuple[str, str]:
    """Return namespace and name of a local path or an address, without the secrets in it."""
    if "://" not in place:
        return "file", place
    url = urlsplit(without_secrets(place))
    return f"{url.scheme}://{url.netloc}", url.path.lstrip("/") or "/"


def _mlflow(environment: Environment) -> str:
    return without_secrets(environment.tracking_uri)


def _assertions(validation: Values) -> dict[str, Any]:
    found = [
        data_quality_assertions_dataset.Assertion(
            assertion=check["check"],
            success=check["success"],
            column=check["column"],
            severity="error" if check["severity"] == "critical" else "warn",
            actual=check["observed"] or None,
        )
        for check in validation.get("checks", ())
    ]
    facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=found)
    return {"dataQualityAssertions": facet} if found else {}


def _counted(handed_over: Values) -> dict[str, Any]:
    if "partitions" not in handed_over:
        return {}
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=handed_over["rows"], fileCount=len(handed_over["partitions"])
    )
    return {"outputStatistics": counted}


def _short(handed_over: Values) -> dict[str, Any]:
    return {name: value for name, value in handed_over.items() if name not in _LONG}
