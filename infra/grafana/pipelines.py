"""The dashboard of pipelines: duration and cost of stages, and the state of Airflow."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import choice, curves, number, page, rows_of, states

MS = 'model=~"$model",stage=~"$stage"'
DAGS = 'dag_id=~"($model)__.*"'
RATE = "[$__rate_interval]"


def pipelines() -> Dashboard:
    """Return the dashboard."""
    board = page(
        "airworthy-pipelines",
        "Pipelines",
        "What each stage takes and comes to; Airflow's own metrics beside it.",
    )
    board.with_variable(choice("model", "Model", "label_values(airworthy_stage_runs_total, model)"))
    board.with_variable(choice("stage", "Stage", "label_values(airworthy_stage_runs_total, stage)"))
    for add in (_outcomes, _resources, _data, _airflow_runs, _airflow, _upkeep):
        add(board)
    return board


def _outcomes(board: Dashboard) -> None:
    board.with_row(Row("Stages"))
    board.with_panel(
        curves(
            "Runs",
            "In the last day, by outcome: terminal failures are not tried again, transient ones are.",
            "short",
            (
                f"sum by (model, stage, outcome) (increase(airworthy_stage_runs_total{{{MS}}}[1d])) > 0",
                "{{model}} {{stage}} {{outcome}}",
            ),
        )
    )
    board.with_panel(
        rows_of(
            "Failing",
            "Stages whose last run failed, and since how many seconds.",
            f'time() - (max by (model, stage) (airworthy_stage_last_end_timestamp_seconds{{{MS},outcome!="success"}})'
            f' > (max by (model, stage) (airworthy_stage_last_end_timestamp_seconds{{{MS},outcome="success"}})'
            f" or max by (model, stage) (0 * airworthy_stage_last_end_timestamp_seconds{{{MS}}})))",
        )
    )


def _resources(board: Dashboard) -> None:
    board.with_row(Row("What they take"))
    for name, title, description, unit in (
        ("wall_seconds", "Duration", "Of the last run.", "s"),
        ("cpu_seconds", "Processors", "Seconds of all processors, of the last run.", "s"),
        (
            "peak_memory_bytes",
            "Memory",
            "The largest resident set of the stage's process, in the last run.",
            "bytes",
        ),
    ):
        board.with_panel(
            curves(
                title,
                description,
                unit,
                (
                    f"max by (model, stage) (airworthy_stage_last_{name}{{{MS}}})",
                    "{{model}} {{stage}}",
                ),
                width=8,
            )
        )
    for name, title, unit in (
        ("wall_seconds", "Duration, over a week", "s"),
        ("cpu_seconds", "Processors, over a week", "s"),
        ("peak_memory_bytes", "Memory, over a week", "bytes"),
    ):
        board.with_panel(
            curves(
                title,
                "The value that nine runs in ten of a week stay under.",
                unit,
                (
                    f"histogram_quantile(0.9, "
                    f"sum by (model, stage, le) (increase(airworthy_stage_{name}_bucket{{{MS}}}[7d])))",
                    "{{model}} {{stage}}",
                ),
                width=8,
            )
        )
    board.with_panel(
        curves(
            "Processors in use",
            "Seconds of processors for each second on the clock, over a week.",
            "none",
            (
                f"sum by (model, stage) (increase(airworthy_stage_cpu_seconds_sum{{{MS}}}[7d]))"
                f" / sum by (model, stage) (increase(airworthy_stage_wall_seconds_sum{{{MS}}}[7d]))",
                "{{model}} {{stage}}",
            ),
        )
    )
    board.with_panel(
        curves(
            "Time spent",
            "Seconds a day that each stage runs.",
            "s",
            (
                f"sum by (model, stage) (increase(airworthy_stage_wall_seconds_sum{{{MS}}}[1d]))",
                "{{model}} {{stage}}",
            ),
        )
    )


def _data(board: Dashboard) -> None:
    board.with_row(Row("Data"))
    board.with_panel(
        curves(
            "Rows of the window",
            "That was ingested last.",
            "short",
            ('max by (model) (airworthy_dataset_rows{model=~"$model"})', "{{model}}"),
            width=8,
        )
    )
    board.with_panel(
        curves(
            "Rows in quarantine",
            "Share of that window's rows that could not be used.",
            "percentunit",
            (
                'max by (model) (airworthy_dataset_quarantined_rows{model=~"$model"})'
                ' / (max by (model) (airworthy_dataset_quarantined_rows{model=~"$model"})'
                ' + max by (model) (airworthy_dataset_rows{model=~"$model"}))',
                "{{model}}",
            ),
            width=8,
            limit=0.05,
        )
    )
    board.with_panel(
        curves(
            "Freshness",
            "Since the end of the newest day with rows.",
            "s",
            (
                'time() - max by (model) (airworthy_dataset_end_timestamp_seconds{model=~"$model"})',
                "{{model}}",
            ),
            width=8,
        )
    )


def _airflow_runs(board: Dashboard) -> None:
    board.with_row(Row("Airflow: runs and tasks"))
    board.with_panel(
        curves(
            "Duration of successful runs",
            "On average, of the last day.",
            "s",
            (
                f"sum by (dag_id) (increase(airflow_dagrun_duration_success_seconds_sum{{{DAGS}}}[1d]))"
                f" / sum by (dag_id) (increase(airflow_dagrun_duration_success_seconds_count{{{DAGS}}}[1d]))",
                "{{dag_id}}",
            ),
        )
    )
    board.with_panel(
        curves(
            "Tasks that ended",
            "In the last hour, by state.",
            "short",
            (
                f"sum by (dag_id, state) (increase(airflow_ti_finish_total{{{DAGS}}}[1h])) > 0",
                "{{dag_id}} {{state}}",
            ),
        )
    )
    board.with_panel(
        curves(
            "Duration of tasks",
            "On average, of the last day.",
            "s",
            (
                f"sum by (dag_id, task_id) (increase(airflow_task_duration_seconds_sum{{{DAGS}}}[1d]))"
                f" / sum by (dag_id, task_id) (increase(airflow_task_duration_seconds_count{{{DAGS}}}[1d]))",
                "{{dag_id}} {{task_id}}",
            ),
        )
    )
    board.with_panel(
        curves(
            "Waiting tasks",
            "From ready to handed to the executor, on average of the last day.",
            "s",
            (
                f"sum by (dag_id) (increase(airflow_task_scheduled_duration_seconds_sum{{{DAGS}}}[1d]))"
                f" / sum by (dag_id) (increase(airflow_task_scheduled_duration_seconds_count{{{DAGS}}}[1d]))",
                "{{dag_id}}",
            ),
        )
    )


def _airflow(board: Dashboard) -> None:
    board.with_row(Row("Airflow: scheduler, executor, DAG processor"))
    board.with_panel(
        curves(
            "Signs of life",
            "Heartbeats a minute.",
            "short",
            *(
                (
                    f"sum by (instance) (rate(airflow_{part}_heartbeat_total{RATE})) * 60",
                    part.replace("_", " "),
                )
                for part in ("scheduler", "dag_processor", "triggerer")
            ),
            width=8,
        )
    )
    board.with_panel(
        curves(
            "The scheduler's loop",
            "On average.",
            "s",
            (
                f"sum(rate(airflow_scheduler_scheduler_loop_duration_seconds_sum{RATE}))"
                f" / sum(rate(airflow_scheduler_scheduler_loop_duration_seconds_count{RATE}))",
                "loop",
            ),
            width=8,
        )
    )
    board.with_panel(
        curves(
            "Executor",
            "Slots of the executor.",
            "short",
            ("sum(airflow_executor_open_slots)", "open"),
            ("sum(airflow_executor_running_tasks)", "running"),
            ("sum(airflow_executor_queued_tasks)", "queued"),
            ("sum(airflow_scheduler_tasks_starving)", "starving"),
            width=8,
        )
    )
    board.with_panel(
        curves(
            "Reading the DAG files",
            "Seconds that all of them took together.",
            "s",
            ("max by (instance) (airflow_dag_processing_total_parse_time)", "{{instance}}"),
            width=8,
        )
    )
    board.with_panel(
        number(
            "Import errors",
            "DAG files and specs that cannot be read.",
            "none",
            ("max by (instance) (airflow_dag_processing_import_errors)", "{{instance}}"),
            width=8,
            limit=1.0,
        )
    )
    board.with_panel(
        number(
            "DAGs",
            "That Airflow knows.",
            "none",
            ("max by (instance) (airflow_dagbag_size)", "{{instance}}"),
            width=8,
        )
    )


def _upkeep(board: Dashboard) -> None:
    board.with_row(Row("What is measured, and what measures"))
    board.with_panel(
        states(
            "Does not answer",
            "1 when Prometheus gets no metrics from a part.",
            ('1 - up{job=~"airworthy-.*"}', "{{job}} {{instance}}"),
            width=8,
        )
    )
    board.with_panel(
        curves(
            "Memory of the parts",
            "Resident.",
            "bytes",
            ('process_resident_memory_bytes{job=~"airworthy-.*"}', "{{job}} {{instance}}"),
            width=8,
        )
    )
    board.with_panel(
        curves(
            "Left out",
            "Files that cannot be read; ledgers that cannot be read; lines of Airflow's that do not count.",
            "short",
            ("max by (instance) (airworthy_metrics_unreadable_files)", "files"),
            ("sum(1 - airworthy_ledger_readable)", "ledgers"),
            ("sum by (why) (increase(airworthy_statsd_dropped_total[1h]))", "lines: {{why}}"),
            width=8,
        )
    )
