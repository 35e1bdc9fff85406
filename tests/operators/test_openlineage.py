"""A stage's inputs and outputs in OpenLineage's terms: by address and version, without secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.serde import Serde

from airworthy.environment import Environment
from airworthy_airflow.openlineage import address, lineage_of
from airworthy_airflow.operators import IngestOperator
from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.secret_keys import Secrets
from airworthy_airflow.stack.settings import process_environment

DIGEST = "1a2b3c4d5e6f" * 5 + "0123"
DATASET: dict[str, Any] = {
    "model": "eta", "table": "s3://lake/eta/data", "version": 31, "digest": DIGEST, "rows": 2000, "quarantined": 3,
    "window": {"start": "2026-02-20T00:00:00Z", "end": "2026-03-20T00:00:00Z"}, "partitions_read": 1,
    "partitions": {"2026-03-18": "a", "2026-03-19": "b"},
}  # fmt: skip
CHALLENGER: dict[str, Any] = {
    "model": "eta", "mlflow_run_id": "run", "model_uri": "models:/m-1", "bundle_digest": "b", "model_sha256": "c",
    "idempotency_key": "k", "best_iteration": 3, "parameters": {"max_depth": 6},
}  # fmt: skip
VERSION = {"model": "eta", "version": "7", "bundle_digest": "b", "validation_status": "approved"}
TO_SCORE: dict[str, Any] = {
    "model": "eta",
    "version": "7",
    "bundle_digest": "b",
    "dataset": DATASET,
}
SCORED: dict[str, Any] = {
    "model": "eta", "version": "7", "bundle_digest": "b", "table": "s3://lake/eta/batch_predictions", "rows": 2000,
    "table_version": 4, "window": DATASET["window"], "partitions": {"2026-03-18": "new"}, "rows_written": 2000,
    "quarantined": 0,
}  # fmt: skip
CHECKS = [
    {
        "check": "expect_nulls",
        "column": "km",
        "severity": "critical",
        "success": False,
        "observed": "3 of 9",
    },
    {
        "check": "expect_rows",
        "column": None,
        "severity": "warning",
        "success": True,
        "observed": "",
    },
]


@pytest.fixture
def write_spec(environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write the spec of the model ``eta`` with a source; MLflow's address has a password in it."""
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", "https://bot:secret@mlflow.example:5000")

    def write(source: dict[str, Any] | None = None) -> None:
        spec = {
            "model": "eta",
            "task": "regression",
            "owner": "tests",
            "ingest": {
                "source": source or {"type": "simulator", "seed": 3},
                "event_time": "at",
                "key": ["id"],
                "label": "minutes",
                "columns": {"id": "int", "km": "float", "minutes": "float"},
            },
            "train": {"lookback": "28d", "holdout": "3d"},
            "evaluate": {"gates": [{"metric": "rmse", "max": 10}]},
        }
        folder = tmp_path / "models" / "eta"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        (folder / "features.py").write_text("FEATURES = {}\n", encoding="utf-8")

    write()
    return write


def named(result: list[Any]) -> list[tuple[str, str, str | None]]:
    """Return namespace, name and version of datasets."""
    versions = [
        each.facets["version"].datasetVersion if "version" in each.facets else None
        for each in result
    ]
    return [
        (each.namespace, each.name, version) for each, version in zip(result, versions, strict=True)
    ]


LAKE = ("s3://lake", "eta/data", "31")
MLFLOW = "https://***@mlflow.example:5000"
LOGGED = (MLFLOW, "models:/m-1", "run")
REGISTERED = (MLFLOW, "models:/eta", "7")
SERVED = ("http://127.0.0.1:9", "models/eta", "7")


@pytest.mark.parametrize(
    ("stage", "inputs", "stage_output", "inputs_read", "output"),
    [
        ("ingest", {}, DATASET, [("simulator", "deliveries/seed=3", None)], [LAKE]),
        ("validate", {"dataset": DATASET}, {"success": True, "checks": CHECKS}, [LAKE], []),
        ("train", {"dataset": DATASET}, CHALLENGER, [LAKE], [LOGGED]),
        (
            "evaluate",
            {"dataset": DATASET, "challenger": CHALLENGER},
            {"outcome": "pass"},
            [LAKE, LOGGED],
            [],
        ),
        (
            "register",
            {"dataset": DATASET, "challenger": CHALLENGER},
            VERSION,
            [LOGGED],
            [REGISTERED],
        ),
        ("deploy_staging", {"version": VERSION}, {"matched": True}, [REGISTERED], []),
        ("approval", {"version": VERSION}, {"decision": "approve"}, [REGISTERED], []),
        ("rollout", {"version": VERSION}, {"state": "done"}, [REGISTERED], []),
        (
            "deploy_production",
            {"version": VERSION},
            {"version": "7", "previous_version": "6"},
            [REGISTERED],
            [SERVED],
        ),
        ("rollback", {}, {"to_version": "7", "from_version": "8", "version": "7"}, [], [SERVED]),
        ("train", {"dataset": DATASET}, {}, [LAKE], []),
        ("ingest_inputs", {}, TO_SCORE, [("simulator", "deliveries/seed=3", None)], [LAKE]),
        (
            "score",
            {"scoring_inputs": TO_SCORE},
            SCORED,
            [LAKE],
            [("s3://lake", "eta/batch_predictions", "4")],
        ),
    ],
    ids=[
        "ingest",
        "validate",
        "train",
        "evaluate",
        "register",
        "deploy_staging",
        "approval",
        "rollout",
        "deploy_production",
        "rollback",
        "a failed train",
        "ingest_inputs",
        "score",
    ],
)
def test_each_stage_names_what_it_read_and_made(
    write_spec: Any,
    stage: str,
    inputs: dict[str, Any],
    stage_output: dict[str, Any],
    inputs_read: Any,
    output: Any,
) -> None:
    """Lake table, model and server have versions; a failed stage has no output; all of it is JSON."""
    result = lineage_of(stage, "eta", inputs, stage_output)
    assert isinstance(result, OperatorLineage)
    assert (named(result.inputs), named(result.outputs)) == (inputs_read, output)
    facet = result.run_facets["airworthy"]
    assert (facet.stage, facet.model) == (stage, "eta")
    text = Serde.to_json(result)
    assert "secret" not in text
    assert "2026-03-18" not in text


def test_a_dataset_version_has_digest_schema_and_counts(write_spec: Any) -> None:
    """Counts and schema are in OpenLineage's facets; digest and window are in our own."""
    output: Any = lineage_of("ingest", "eta", {}, DATASET).outputs[0]
    about = output.facets["airworthy"].about
    assert (about["digest"], about["id"]) == (DIGEST, f"eta/2026-03-20/{DIGEST[:12]}")
    fields = {field.name: field.type for field in output.facets["schema"].fields}
    assert fields == {"at": "datetime", "id": "int", "km": "float", "minutes": "float"}
    assert output.facets["storage"].storageLayer == "delta"
    counted = output.outputFacets["outputStatistics"]
    assert (counted.rowCount, counted.fileCount) == (2000, 2)


def test_a_validation_is_data_quality_assertions(write_spec: Any) -> None:
    """Each check is an assertion with its column, whether it held, and how grave it is."""
    inputs_read: Any = lineage_of(
        "validate", "eta", {"dataset": DATASET}, {"success": False, "checks": CHECKS}
    ).inputs[0]
    result = inputs_read.inputFacets["dataQualityAssertions"].assertions
    assert [(each.assertion, each.column, each.success, each.severity) for each in result] == [
        ("expect_nulls", "km", False, "error"),
        ("expect_rows", None, True, "warn"),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"type": "files", "format": "csv", "path": "s3://raw/day={dd}/*.csv"},
            ("s3://raw", "day={dd}/*.csv"),
        ),
        (
            {
                "type": "sql",
                "query": "select :start, :end",
                "url": "postgresql+psycopg2://ann:secret@db:5432/trips",
            },
            ("postgresql://db:5432", "trips"),
        ),
        (
            {
                "type": "sql",
                "query": "select :start, :end",
                "url": "postgresql://ann:se/cret@db:5432/trips?password=secret",
            },
            ("postgresql://db:5432", "trips"),
        ),
        (
            {"type": "sql", "query": "select :start, :end", "connection": "warehouse"},
            ("airflow-connection://warehouse", "eta"),
        ),
    ],
    ids=["files", "sql by url", "sql by another url", "sql by connection"],
)
def test_a_source_is_named_by_its_address(
    write_spec: Any, source: dict[str, Any], expected: tuple[str, str]
) -> None:
    """Files by bucket and path, a database by its server and name, whatever driver and password
    lead there.
    """
    write_spec(source)
    [inputs_read] = lineage_of("ingest", "eta", {}, DATASET).inputs
    assert (inputs_read.namespace, inputs_read.name) == expected


def test_a_local_file_is_named_from_the_root(write_spec: Any, tmp_path: Path) -> None:
    """A path relative to the model's folder is an absolute one for everybody else."""
    write_spec({"type": "files", "format": "csv", "path": "in/{dd}.csv"})
    [inputs_read] = lineage_of("ingest", "eta", {}, DATASET).inputs
    assert (inputs_read.namespace, inputs_read.name) == (
        "file",
        str(tmp_path / "models/eta/in/{dd}.csv"),
    )
    assert address("gs://bucket") == ("gs://bucket", "/")


def test_the_stack_takes_over_the_providers_settings(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenLineage turned on in the shell is on in the stack; no other setting of a shell's Airflow
    gets there.
    """
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    layout = load_layout()
    shell = {
        "AIRFLOW__OPENLINEAGE__TRANSPORT": "{}",
        "AIRFLOW__CORE__EXECUTOR": "Other",
        "OPENLINEAGE_URL": "http://x",
    }
    result = process_environment(layout, Secrets("key", "key", "secret", "password"), shell)
    assert (result["AIRFLOW__OPENLINEAGE__TRANSPORT"], result["OPENLINEAGE_URL"]) == (
        "{}",
        "http://x",
    )
    assert result["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"


def test_the_provider_finds_the_operators_method(write_spec: Any) -> None:
    """Airflow's provider calls the method of every stage's operator, with the operator's output."""
    from airflow.providers.openlineage.extractors.manager import ExtractorManager

    operator = IngestOperator(task_id="ingest", model="eta")
    operator.stage_output = DATASET
    manager: Any = ExtractorManager
    extractor = manager().get_extractor_class(operator)
    assert extractor is not None
    result = extractor(operator).extract_on_complete(None)
    assert named(result.outputs) == [LAKE]
