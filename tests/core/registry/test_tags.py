"""Tags are stored: their names stay."""

from __future__ import annotations

from airworthy.registry import tags


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
        "OWNER": "airworthy.owner",
        "ENVIRONMENT": "airworthy.environment",
        "VERDICT": "airworthy.verdict",
        "REASONS": "airworthy.reasons",
        "NOTE": "mlflow.note.content",
        "VALIDATION_STATUS": "airworthy.validation_status",
        "BUNDLE_DIGEST": "airworthy.bundle_digest",
        "MODEL_SHA256": "airworthy.model_sha256",
        "DATASET_ID": "airworthy.dataset_id",
        "DATASET_DIGEST": "airworthy.dataset_digest",
        "DATASET_VERSION": "airworthy.dataset_version",
        "WINDOW_START": "airworthy.window_start",
        "WINDOW_END": "airworthy.window_end",
        "DATA_WARNINGS": "airworthy.data_warnings",
        "DECISION": "airworthy.decision",
        "METRIC_PREFIX": "metric.",
        "REGISTERING": "airworthy.registering",
        "ROLLED_BACK": "airworthy.rolled_back",
        "MONITORING": "airworthy.monitoring",
        "INPUT_DIGEST": "digest",
        "INPUT_WINDOW": "window",
        "INPUT_ROWS": "rows",
    }
