"""The names of all MLflow tags of Airworthy. They are stored: a changed name loses its old values.

A run and its registered version share the tags of the training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

# Of a training: on its MLflow run, and on its registered version.
RUN_ID = "airworthy.run_id"
DAG_ID = "airworthy.dag_id"
REASON = "airworthy.reason"
REQUESTED_BY = "airworthy.requested_by"
AS_OF = "airworthy.as_of"
IDEMPOTENCY_KEY = "airworthy.idempotency_key"
GIT_COMMIT = "airworthy.git_commit"
LOCK_DIGEST = "airworthy.lock_digest"
"""SHA-256 of the lock of the libraries that trained it."""
SOURCE_COMMIT = "mlflow.source.git.commit"
"""MLflow's own tag, with the commit of `GIT_COMMIT`."""
SOURCE_DIRTY = "mlflow.source.git.dirty"
"""MLflow's own tag: ``true``, ``false`` or ``unknown``. Versions before 0.3.0 lack it."""
SOURCE_DIFF = "mlflow.source.git.diff"
"""MLflow's own tag: the diff of a dirty tree, cut. The run's artifact has all of it."""
DIRTY_FILES = "airworthy.dirty_files"
"""The uncommitted files of a dirty tree, one a line."""
FITTED_DAYS = "airworthy.fitted_days"
"""The newest days before the holdout that it was fitted on, such as ``12d``, or ``all``."""
SPAN_LOSSES = "airworthy.span_losses"
"""JSON: each span of days that was tried, with its mean loss of a tuning row."""
OWNER = "airworthy.owner"
ENVIRONMENT = "airworthy.environment"

# Of an evaluation: on the MLflow run, and on the version.
VERDICT = "airworthy.verdict"
REASONS = "airworthy.reasons"
WAIVERS = "airworthy.waivers"
CHAMPION_FAILING = "airworthy.champion_failing"
"""The gates that the champion of the time failed itself, with its figures."""
NOTE = "mlflow.note.content"
"""MLflow shows this text as the description of the run. The version does not have it."""

# Of a registration: on the version.
VALIDATION_STATUS = "airworthy.validation_status"
BUNDLE_DIGEST = "airworthy.bundle_digest"
MODEL_SHA256 = "airworthy.model_sha256"
DATASET_ID = "airworthy.dataset_id"
DATASET_DIGEST = "airworthy.dataset_digest"
DATASET_VERSION = "airworthy.dataset_version"
DATASET_PART = "airworthy.dataset_part"
"""The part of the model's lake with the rows; no tag: the lake of its own rows."""
PROMOTED_FROM = "airworthy.promoted_from"
"""The environment, model and version that it was promoted from, such as ``staging/eta/7``."""
WINDOW_START = "airworthy.window_start"
WINDOW_END = "airworthy.window_end"
DATA_WARNINGS = "airworthy.data_warnings"
DECISION = "airworthy.decision"
"""The id of the retraining decision in the ledger behind this training."""
METRIC_PREFIX = "metric."
"""The prefix of the tags with the challenger's metrics."""
PARAMETER_PREFIX = "parameter."
"""The prefix of the tags with the challenger's hyperparameters."""
SOURCE_RUN = "airworthy.source_run"
"""The MLflow run with the version's source, when it is not the version's own run: see `register`."""
REGISTERING = "airworthy.registering"
"""The registration has not ended. Another version may have the same key; see `registration`."""

# Of later events: on the version.
ROLLED_BACK = "airworthy.rolled_back"
"""The reason of the rollback; the tag is deleted when a person brings the version back."""
MONITORING = "airworthy.monitoring"
"""The monitor's last decision on the champion."""

# Of a removal: on the logged model.
ARTIFACTS_REMOVED = "airworthy.artifacts_removed"
"""The time at which `airworthy gc` removed its files, UTC."""

# Of a dataset: on the input of an MLflow run.
INPUT_DIGEST = "digest"
INPUT_WINDOW = "window"
INPUT_ROWS = "rows"


def span_tags(fitted_days: str, losses: Mapping[str, float]) -> dict[str, str]:
    """Return the tags of the choice between spans of days; only that of all days without a choice.

    >>> span_tags("all", {})
    {'airworthy.fitted_days': 'all'}
    """
    rounded = {span: float(f"{loss:.6g}") for span, loss in losses.items()}
    return {FITTED_DAYS: fitted_days, **({SPAN_LOSSES: json.dumps(rounded)} if rounded else {})}
