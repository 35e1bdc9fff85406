"""The news of an ingest: alerts about its source, and the asset events of the days it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import TaskDeferred

from airworthy.environment import load_environment
from airworthy_airflow.asset_events import AssetNews, emit
from airworthy_airflow.assets import day_asset
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airworthy.alerts.alert import Alert
    from airworthy.handover import RunRequest
    from airworthy.lake.ingest_news import IngestNews


class IngestsSource(StageOperator):
    """Base of the operators that read the source: it tells what they noticed there.

    Each day that a run wrote into the lake of training rows is an event of the model's day asset,
    with the day as its partition. The lake's commits are the evidence, in every runner.
    """

    def __init__(self, *, model: str, **kwargs: Any) -> None:
        super().__init__(**{"model": model, "outlets": [day_asset(model)], **kwargs})

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Run the stage, then tell what it noticed, also after a failure.

        Raises:
            TerminalError: as the stage does.
            TransientError: as the stage does.
        """
        with self._telling(run, context):
            return super().run_stage(run, context)

    @contextmanager
    def _telling(self, run: RunRequest, context: Context) -> Iterator[None]:
        try:
            yield
        except TaskDeferred:
            raise  # The stage is not done yet.
        except BaseException:
            self._tell_all(run, context)
            raise
        self._tell_all(run, context)

    def _tell_all(self, run: RunRequest, context: Context) -> None:
        news = self._news(run)
        emit(self, context, day_asset(self.model), _asset_news(self.model, news))
        if news is not None:
            self._tell(news, run, context)

    def _news(self, run: RunRequest) -> IngestNews | None:
        """Return the run's news; None: the lake does not tell."""
        from airworthy.batch_scoring.scoring_inputs import inputs_lake
        from airworthy.lake.ingest_news import ingest_news
        from airworthy.lake.lake import open_lake
        from airworthy.spec import load_spec

        try:
            environment = load_environment()
            lake = open_lake(environment, self.model)
            if self.stage == "ingest_inputs":
                spec = load_spec(environment.models / self.model / "model.yaml")
                lake = inputs_lake(environment, spec)
            return ingest_news(lake, run.run_id)
        # The rows are in the lake, or the stage's own error says why not.
        except Exception as error:
            self.log.error("the lake does not tell what the run wrote: %s", error)
            return None

    def _tell(self, news: IngestNews, run: RunRequest, context: Context) -> None:
        from airworthy_airflow.alerts.notify import notify_of

        notify_of(lambda: self._restated(news, context), run.run_id, self.log)
        notify_of(lambda: self._changed(news, context), run.run_id, self.log)
        notify_of(lambda: self._kept(news, context), run.run_id, self.log)

    def _restated(self, news: IngestNews, context: Context) -> Alert | None:
        from airworthy.alerts.source_alerts import restated_partition
        from airworthy_airflow.alerts.alert_links import task_links

        if not news.restated:
            return None
        return restated_partition(self.model, news.restated, task_links(context))

    def _changed(self, news: IngestNews, context: Context) -> Alert | None:
        from airworthy.alerts.source_alerts import schema_change
        from airworthy_airflow.alerts.alert_links import task_links

        if not news.schema_changes:
            return None
        return schema_change(self.model, news.schema_changes, news.source, task_links(context))

    def _kept(self, news: IngestNews, context: Context) -> Alert | None:
        """Return the alert about changed days that the lake keeps as they were."""
        from airworthy.alerts.source_alerts import source_changed
        from airworthy_airflow.alerts.alert_links import task_links

        if not news.source_changes:
            return None
        return source_changed(self.model, news.source_changes, news.source, task_links(context))


def _asset_news(model: str, news: IngestNews | None) -> AssetNews | None:
    """Return the events of the days in the lake of training rows; None: there are none."""
    if news is None or not news.written or not news.is_training:
        return None
    restated = [record.partition for record in news.restated]
    extra = {"model": model, "table": news.table, "version": news.version, "restated": restated}
    days = [record.partition for record in news.written]
    return AssetNews(extra, min(record.created for record in news.written), days)
