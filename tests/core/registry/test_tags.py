"""Tags are stored: their names stay."""

from __future__ import annotations

from mlflow.utils import mlflow_tags

from airworthy.registry import tags


def test_tags_of_mlflow_have_its_own_names() -> None:
    """MLflow's pages show them."""
    assert (tags.SOURCE_COMMIT, tags.SOURCE_DIRTY, tags.SOURCE_DIFF) == (
        mlflow_tags.MLFLOW_GIT_COMMIT,
        mlflow_tags.MLFLOW_GIT_DIRTY,
        mlflow_tags.MLFLOW_GIT_DIFF,
    )


def test_a_tag_that_was_stored_is_still_found() -> None:
    """Every name is that of earlier versions and runs."""
    names = {name: value for name, value in vars(tags).items() if name.isupper()}
    assert names == {
        "RUN_ID": "airworthy.run_id",
        "DAG_ID": "airworthy.dag_id",
        "REASON": "airworthy.reason",
        "REQUESTED_BY": "airworthy.requested_by",
        "AS_OF": "airworthy.as_of",
        "IDEMPOTENCY_KEY": "airworthy.idempotency_key",
        "GIT_COMMIT": "airworthy.git_commit",
        "LOCK_DIGEST": "airworthy.lock_digest",
        "SOURCE_COMMIT": "mlflow.source.git.commit",
        "SOURCE_DIRTY": "mlflow.source.git.dirty",
        "SOURCE_DIFF": "mlflow.source.git.diff",
        "DIRTY_FILES": "airworthy.dirty_files",
        "FITTED_DAYS": "airworthy.fitted_days",
        "SPAN_LOSSES": "airworthy.span_losses",
        "OWNER": "airworthy.owner",
        "ENVIRONMENT": "airworthy.environment",
        "VERDICT": "airworthy.verdict",
        "REASONS": "airworthy.reasons",
        "WAIVERS": "airworthy.waivers",
        "CHAMPION_FAILING": "airworthy.champion_failing",
        "NOTE": "mlflow.note.content",
        "VALIDATION_STATUS": "airworthy.validation_status",
        "BUNDLE_DIGEST": "airworthy.bundle_digest",
        "MODEL_SHA256": "airworthy.model_sha256",
        "DATASET_ID": "airworthy.dataset_id",
        "DATASET_DIGEST": "airworthy.dataset_digest",
        "DATASET_VERSION": "airworthy.dataset_version",
        "DATASET_PART": "airworthy.dataset_part",
        "PROMOTED_FROM": "airworthy.promoted_from",
        "WINDOW_START": "airworthy.window_start",
        "WINDOW_END": "airworthy.window_end",
        "DATA_WARNINGS": "airworthy.data_warnings",
        "DECISION": "airworthy.decision",
        "METRIC_PREFIX": "metric.",
        "PARAMETER_PREFIX": "parameter.",
        "SOURCE_RUN": "airworthy.source_run",
        "REGISTERING": "airworthy.registering",
        "ROLLED_BACK": "airworthy.rolled_back",
        "ARTIFACTS_REMOVED": "airworthy.artifacts_removed",
        "MONITORING": "airworthy.monitoring",
        "INPUT_DIGEST": "digest",
        "INPUT_WINDOW": "window",
        "INPUT_ROWS": "rows",
    }
