"""The record of a registered version: its code, data, parameters, metrics and decisions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airworthy.environment import Environment
from airworthy.lake.dataset_records import DatasetRecord
from airworthy.lake.datasets import open_datasets
from airworthy.ledger import open_ledger
from airworthy.ledger.events import ApprovalAnswered
from airworthy.ledger.ledger_queries import of_kind
from airworthy.ledger.version_numbers import entries_about
from airworthy.lineage.reference import parse_reference, unknown_reference
from airworthy.registry import tags
from airworthy.registry.registry import Registry, open_registry
from airworthy.registry.version_source import source_files
from airworthy.traffic import traffic_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from airworthy.ledger import Entry

_ROLES = ("champion", "baseline")
_NOT_KEPT = "unknown"
_FITTED = "best_iteration"  # logged beside the hyperparameters, and none of them


@dataclass(frozen=True)
class Code:
    """The code that made a version.

    Attributes:
        commit: The commit, or ``unknown``.
        dirty: Whether files were not committed; None when nobody knows.
        dirty_files: These files.
        lock_digest: SHA-256 of the lock of the libraries.
        kept: Names of the kept files; none for a version of a release before 0.3.0.
    """

    commit: str
    dirty: bool | None
    dirty_files: list[str]
    lock_digest: str
    kept: list[str]


@dataclass(frozen=True)
class VersionRecord:
    """A version, as MLflow, lake and ledger tell of it.

    Attributes:
        created: The time of its registration, UTC.
        traffic: ``champion``, ``challenger`` (it is under rollout), or ``none``.
        dataset: The record of its dataset version; None when the lake has none.
        dataset_key: The key of that record.
        parameters: Hyperparameters, as texts.
        metrics: Metrics on its holdout, by role: challenger, champion, baseline.
        approvals: The answers of people, oldest first.
        promoted_from: Environment, model and version that it was promoted from, or None.
    """

    model: str
    version: str
    status: str
    created: datetime
    traffic: str
    reason: str
    run_id: str
    requested_by: str
    environment: str
    mlflow_run_id: str
    bundle_digest: str
    code: Code
    dataset_id: str
    dataset_digest: str
    dataset: DatasetRecord | None
    dataset_key: str | None
    parameters: dict[str, str]
    metrics: dict[str, dict[str, float]]
    verdict: str
    reasons: list[str]
    approvals: list[dict[str, str]] = field(default_factory=list)
    promoted_from: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        dataset = self.dataset.model_dump(mode="json") if self.dataset else None
        return {**asdict(self), "created": self.created.isoformat(), "dataset": dataset}


def resolve_version(environment: Environment, words: list[str]) -> tuple[str, str]:
    """Return the model and the version of a reference.

    Args:
        environment: The environment of the ledger.
        words: ``MODEL/7`` or ``MODEL@champion``, or the model and its version as two words.

    Raises:
        TerminalError: when the words are something else, or no version has the alias.
    """
    *model, word = words if len(words) <= 2 else [" ".join(words)]
    parsed = parse_reference(word, model[0] if model else None)
    if parsed.kind == "alias" and parsed.model is not None:
        return parsed.model, _of_alias(environment, parsed.model, parsed.value)
    if parsed.kind != "version" or parsed.model is None:
        raise unknown_reference(
            " ".join(words),
            "this names no version of a model",
            allowed="a version: delivery_eta/7, delivery_eta 7 or delivery_eta@champion",
        )
    return parsed.model, parsed.value


def _of_alias(environment: Environment, model: str, alias: str) -> str:
    traffic = traffic_of(open_ledger(environment, model).entries())
    challenger = traffic.rollout.challenger if traffic.rollout else None
    version = {"champion": traffic.champion_version, "challenger": challenger}.get(alias)
    if version is None:
        raise unknown_reference(
            f"{model}@{alias}", "no version is that now", next_step=f"airworthy ledger {model}"
        )
    return version


def read_version(environment: Environment, model: str, version: str) -> VersionRecord:
    """Return the record of a version.

    The model's folder is not read: it may have changed, or be gone.

    Args:
        environment: The environment of registry, lake and ledger.
        model: The model's name.
        version: The version.

    Raises:
        TerminalError: when there is no such version.
        TransientError: when MLflow or the lake cannot be reached.
    """
    registry = open_registry(environment)
    registered = registry.version(model, version)
    known = dict(registered.tags)
    run = registry.client.get_run(registered.run_id).data
    entries = open_ledger(environment, model).entries()
    key, dataset = _dataset(environment, model, known)
    return VersionRecord(
        model=model,
        version=version,
        status=known.get(tags.VALIDATION_STATUS, _NOT_KEPT),
        created=datetime.fromtimestamp(registered.creation_timestamp / 1000, UTC),
        traffic=_traffic(entries, version),
        reason=known.get(tags.REASON, _NOT_KEPT),
        run_id=known.get(tags.RUN_ID, _NOT_KEPT),
        requested_by=known.get(tags.REQUESTED_BY, _NOT_KEPT),
        environment=known.get(tags.ENVIRONMENT, _NOT_KEPT),
        mlflow_run_id=str(registered.run_id),
        bundle_digest=known.get(tags.BUNDLE_DIGEST, _NOT_KEPT),
        code=_code(registry, registered),
        dataset_id=known.get(tags.DATASET_ID, _NOT_KEPT),
        dataset_digest=known.get(tags.DATASET_DIGEST, _NOT_KEPT),
        dataset=dataset,
        dataset_key=key,
        # A version of an earlier release has its parameters only on its MLflow run.
        parameters=_with_prefix(known, tags.PARAMETER_PREFIX)
        or {name: value for name, value in run.params.items() if name != _FITTED},
        metrics=_metrics(known, run.metrics),
        verdict=known.get(tags.VERDICT, _NOT_KEPT),
        reasons=known.get(tags.REASONS, "").splitlines(),
        approvals=_approvals(entries, version),
        promoted_from=known.get(tags.PROMOTED_FROM),
    )


def _code(registry: Registry, version: ModelVersion) -> Code:
    known = version.tags
    return Code(
        commit=known.get(tags.GIT_COMMIT, _NOT_KEPT),
        dirty={"true": True, "false": False}.get(known.get(tags.SOURCE_DIRTY, "")),
        dirty_files=known.get(tags.DIRTY_FILES, "").splitlines(),
        lock_digest=known.get(tags.LOCK_DIGEST, _NOT_KEPT),
        kept=source_files(registry.client, version),
    )


def _dataset(
    environment: Environment, model: str, known: dict[str, str]
) -> tuple[str | None, DatasetRecord | None]:
    window = [known.get(tags.WINDOW_START), known.get(tags.WINDOW_END)]
    for key, record in open_datasets(environment, model).events(DatasetRecord):
        moments = [record.window.start.isoformat(), record.window.end.isoformat()]
        if record.digest == known.get(tags.DATASET_DIGEST) and moments == window:
            return key, record
    return None, None


def _metrics(known: dict[str, str], logged: dict[str, float]) -> dict[str, dict[str, float]]:
    challenger = _with_prefix(known, tags.METRIC_PREFIX)
    by_role = {"challenger": {name: float(value) for name, value in challenger.items()}}
    for role in _ROLES:
        of_role = {name: logged.get(f"{role}_{name}") for name in challenger}
        found = {name: value for name, value in of_role.items() if value is not None}
        if found:
            by_role[role] = found
    return by_role


def _with_prefix(known: dict[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in sorted(known.items())
        if name.startswith(prefix)
    }


def _traffic(entries: list[Entry], version: str) -> str:
    traffic = traffic_of(entries)
    if traffic.champion_version == version:
        return "champion"
    is_challenger = traffic.rollout is not None and traffic.rollout.challenger == version
    return "challenger" if is_challenger else "none"


def _approvals(entries: list[Entry], version: str) -> list[dict[str, str]]:
    return [
        {
            "decision": entry.event.decision,
            "who": entry.who,
            "at": str(entry.event.at),
            "comment": entry.event.comment,
        }
        for entry in of_kind(entries_about(entries, version), ApprovalAnswered)
        if entry.event.version == version
    ]
