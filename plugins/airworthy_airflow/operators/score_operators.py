"""The operators of a score run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airworthy.handover import BatchScore, RunRequest
from airworthy_airflow.asset_events import AssetNews, emit
from airworthy_airflow.assets import scores_asset
from airworthy_airflow.operators.ingest_news import IngestsSource
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class IngestInputsOperator(IngestsSource):
    """Settles the version and the rows of a score run, and brings the rows into the lake."""

    stage: ClassVar[str] = "ingest_inputs"
    task_doc_md: ClassVar[str] = (
        "Looks up the champion, by which the whole run scores whatever becomes of it meanwhile, and makes sure that "
        "every day of the window is in the lake: reads only what is missing or may have been restated, each day in one "
        "atomic commit. Bad rows go to quarantine. Hands over the version and the rows, pinned."
    )
    ui_color = "#dcecf9"


class ScoreOperator(StageOperator):
    """Puts the champion's predictions into the lake. The scores' asset has an event when it wrote a day."""

    stage: ClassVar[str] = "score"
    task_doc_md: ClassVar[str] = (
        "Checks the digest of the version's files, and scores the window a day at a time, each in one atomic commit, "
        "into the table `batch_predictions` of the model's lake. A day whose rows this version has scored is left "
        "alone; another champion or restated rows replace it. Rows that cannot be scored go to `batch_quarantine` "
        "with the reason."
    )
    ui_color = "#e9e0f5"

    def __init__(self, *, model: str, **kwargs: Any) -> None:
        super().__init__(**{"model": model, "outlets": [scores_asset(model)], **kwargs})

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Score, and emit the event of the days that this run has written."""
        output = super().run_stage(run, context)
        score = BatchScore.model_validate(output)
        emit(self, context, scores_asset(self.model), asset_news(score, self._resolved_at()))
        return output

    def _resolved_at(self) -> datetime:
        return datetime.fromisoformat(str(self.inputs["scoring_inputs"]["resolved_at"]))


def asset_news(score: BatchScore, since: datetime) -> AssetNews | None:
    """Return the event of the days that a run scored; None: it scored none.

    Args:
        score: The result of the run.
        since: The time at which it resolved the version, UTC.
    """
    if not score.days_written:
        return None
    extra = {
        "model": score.model,
        "version": score.version,
        "table": score.table,
        "table_version": score.table_version,
        "days": score.days_written,
    }
    return AssetNews(extra, since)
