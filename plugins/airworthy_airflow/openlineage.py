"""A stage's inputs and output as OpenLineage's datasets and facets, for Airflow's provider to send.

The provider imports this module in a process forked for the event, and only while it is on
(``[openlineage] transport``). Nothing heavy may be imported here. Nothing is looked up beyond the
task's inputs and output.

Datasets are named by OpenLineage's naming rules: the lake's table and files by their address, a
database by its server, everything of MLflow below its tracking address, served models below the
model server's address.
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
from airworthy.lake.sources.sql_address import parse_url
from airworthy.masking import masked
from airworthy.registry.mlflow_errors import without_secrets
from airworthy.spec import ModelSpec, load_spec
from airworthy.spec.sources_part import FilesSource, Source, SqlSource

Values = Mapping[str, Any]
_INPUTS = {
    "validate": ("dataset",), "train": ("dataset",), "evaluate": ("dataset", "challenger"),
    "register": ("challenger",), "deploy_staging": ("version",), "approval": ("version",), "rollout": ("version",),
    "deploy_production": ("version",), "score": ("scoring_inputs",),
}  # fmt: skip
_OUTPUT = {
    "ingest": "dataset", "train": "challenger", "register": "version", "deploy_production": "deployment",
    "rollback": "rollback", "ingest_inputs": "scoring_inputs", "score": "batch_score",
}  # fmt: skip
_LEFT_OUT = frozenset({"partitions", "gates", "slices", "checks", "parameters", "split", "dataset"})
"""Fields of outputs that are too long for an event, or are in another facet."""


@attr.define
class AirworthyDatasetFacet(DatasetFacet):
    """A dataset as Airworthy knows it: a dataset version, a logged model, a registered version."""

    about: dict[str, Any]


@attr.define
class AirworthyRunFacet(RunFacet):
    """The stage, its model, and the stage's output."""

    stage: str
    model: str
    result: dict[str, Any]


def lineage_of(
    stage: str, model: str, inputs: Values, stage_output: Values
) -> OperatorLineage[Dataset, AirworthyRunFacet]:
    """Return a stage's inputs and output.

    Args:
        stage: The stage's name.
        model: The model's name.
        inputs: The stage's inputs, by name, as JSON values.
        stage_output: The stage's output as JSON values; empty when it failed.
    """
    environment = load_environment()
    spec = load_spec(environment.models / model / "model.yaml")
    facet = AirworthyRunFacet(stage=stage, model=model, result=_short(stage_output))
    return OperatorLineage(
        inputs=[*_input_datasets(stage, inputs, stage_output, spec, environment)],
        outputs=[*_output_datasets(stage, stage_output, spec, environment)],
        run_facets={"airworthy": facet},
    )


def _input_datasets(
    stage: str, inputs: Values, stage_output: Values, spec: ModelSpec, environment: Environment
) -> list[InputDataset]:
    if stage in ("ingest", "ingest_inputs"):
        return [_source(stage, spec, environment)]
    named = [name for name in _INPUTS.get(stage, ()) if name in inputs]
    datasets = [_dataset_for(name, inputs[name], spec, environment) for name in named]
    read = [InputDataset(each.namespace, each.name, facets=each.facets) for each in datasets]
    if stage == "validate" and read:
        read[0].inputFacets = _assertions(stage_output)
    return read


def _output_datasets(
    stage: str, stage_output: Values, spec: ModelSpec, environment: Environment
) -> list[OutputDataset]:
    if not stage_output or stage not in _OUTPUT:
        return []
    made = _dataset_for(_OUTPUT[stage], stage_output, spec, environment)
    counts = _counted(stage_output)
    return [OutputDataset(made.namespace, made.name, facets=made.facets, outputFacets=counts)]


def _dataset_for(name: str, value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    builders: dict[str, Callable[[Values, ModelSpec, Environment], Dataset]] = {
        "dataset": _dataset_version,
        "challenger": _logged_model,
        "version": _registered_version,
        "deployment": _served,
        "rollback": _served,
        "scoring_inputs": _scoring_inputs,
        "batch_score": _batch_score,
    }
    return builders[name](value, spec, environment)


def _scoring_inputs(value: Values, spec: ModelSpec, environment: Environment) -> Dataset:
    """Return the scored rows. A source used only for scoring has no label."""
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
    """Return the version served in production after a deployment or a rollback."""
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
        url = parse_url(source.url)
        # The driver is the way to the database and no part of its name.
        server = f"{url.get_backend_name()}://{url.host or ''}{f':{url.port}' if url.port else ''}"
        return masked(server), masked(url.database or "").lstrip("/") or spec.model
    return "simulator", f"{source.scenario}/seed={source.seed}"


def address(uri: str) -> tuple[str, str]:
    """Return namespace and name of a local path or an address. Secrets are left out."""
    if "://" not in uri:
        return "file", uri
    url = urlsplit(without_secrets(uri))
    return f"{url.scheme}://{url.netloc}", url.path.lstrip("/") or "/"


def _mlflow(environment: Environment) -> str:
    return without_secrets(environment.tracking_uri)


def _assertions(validation: Values) -> dict[str, Any]:
    assertions = [
        data_quality_assertions_dataset.Assertion(
            assertion=check["check"],
            success=check["success"],
            column=check["column"],
            severity="error" if check["severity"] == "critical" else "warn",
            actual=check["observed"] or None,
        )
        for check in validation.get("checks", ())
    ]
    facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=assertions)
    return {"dataQualityAssertions": facet} if assertions else {}


def _counted(stage_output: Values) -> dict[str, Any]:
    if "partitions" not in stage_output:
        return {}
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=stage_output["rows"], fileCount=len(stage_output["partitions"])
    )
    return {"outputStatistics": counted}


def _short(stage_output: Values) -> dict[str, Any]:
    return {name: value for name, value in stage_output.items() if name not in _LEFT_OUT}
