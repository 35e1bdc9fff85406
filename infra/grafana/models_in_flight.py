"""The dashboard of models in flight: live data, the champion's quality, and the answering versions."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import choice, curves, heat, number, page, rows_of, states

M = 'model=~"$model"'
SENT = f'{M},arm=~"champion|challenger"'
RATE = "[$__rate_interval]"


def models_in_flight() -> Dashboard:
    """Return the dashboard."""
    board = page(
        "airworthy-models",
        "Models in flight",
        "Drift, quality, age, traffic and rollouts of every model.",
    )
    board.with_variable(choice("model", "Model", "label_values(airworthy_ledger_readable, model)"))
    for add in (_at_a_glance, _drift, _quality, _traffic, _predictions, _rollouts, _servers):
        add(board)
    return board


def _at_a_glance(board: Dashboard) -> None:
    board.with_row(Row("At a glance"))
    board.with_panel(
        number(
            "Champion's age",
            "Since the end of the data that it was trained on.",
            "s",
            (
                f"time() - max by (model, version) (airworthy_champion_as_of_timestamp_seconds{{{M}}})",
                "{{model}} {{version}}",
            ),
        )
    )
    board.with_panel(
        number(
            "Champion's age, of what is allowed",
            "From 100 % on it is too old: the spec's alerts.champion_max_age.",
            "percentunit",
            (
                f"(time() - max by (model) (airworthy_champion_as_of_timestamp_seconds{{{M}}}))"
                f" / on (model) max by (model) (airworthy_champion_max_age_seconds{{{M}}})",
                "{{model}}",
            ),
            limit=1.0,
        )
    )
    board.with_panel(
        number(
            "Data's delay, of what is allowed",
            "Since the end of the newest day with rows: the spec's alerts.data_max_delay.",
            "percentunit",
            (
                f"(time() - max by (model) (airworthy_dataset_end_timestamp_seconds{{{M}}}))"
                f" / on (model) max by (model) (airworthy_data_max_delay_seconds{{{M}}})",
                "{{model}}",
            ),
            limit=1.0,
        )
    )
    board.with_panel(
        number(
            "Alerts",
            "Firing now.",
            "none",
            (
                'sum by (alertname, model) (ALERTS{alertname=~"Airworthy.*",alertstate="firing"})',
                "{{alertname}} {{model}}",
            ),
            limit=1.0,
        )
    )


def _drift(board: Dashboard) -> None:
    board.with_row(Row("Has production moved?"))
    board.with_panel(
        curves(
            "Drift scores",
            "How far each column has moved, in multiples of its threshold: against the champion's training "
            "data (skew), recent production (drift), and of the label.",
            "none",
            (
                f"max by (model, signal, column, aspect) (airworthy_monitor_drift_score{{{M}}})",
                "{{model}} {{signal}} {{column}} {{aspect}}",
            ),
            limit=1.0,
        )
    )
    board.with_panel(
        states(
            "Signals",
            "What each window said: 1 fired, 0 quiet; nothing where it could not be judged.",
            (f"max by (model, signal) (airworthy_monitor_signal{{{M}}})", "{{model}} {{signal}}"),
        )
    )
    board.with_panel(
        curves(
            "Importance of what moved",
            "Share of the champion's gain that the drifted columns carry.",
            "percentunit",
            (
                f"max by (model, signal) (airworthy_monitor_drift_importance{{{M}}})",
                "{{model}} {{signal}}",
            ),
            axis=(0.0, 1.0),
        )
    )
    board.with_panel(
        curves(
            "Rows of the window",
            "And how many of them could not be used.",
            "short",
            (f"max by (model) (airworthy_monitor_window_rows{{{M}}})", "{{model}} rows"),
            (
                f"max by (model) (airworthy_monitor_quarantined_rows{{{M}}})",
                "{{model}} quarantined",
            ),
        )
    )


def _quality(board: Dashboard) -> None:
    board.with_row(Row("Is the champion good?"))
    board.with_panel(
        curves(
            "Quality",
            "The champion's metrics on the newest window whose labels are known, and what its holdout promised.",
            "none",
            (
                f"max by (model, metric, version) (airworthy_monitor_quality{{{M}}})",
                "{{model}} {{metric}} ({{version}})",
            ),
            (
                f"max by (model, metric, version) (airworthy_monitor_quality_expected{{{M}}})",
                "{{model}} {{metric}} expected ({{version}})",
            ),
            axis=(None, None),
        )
    )
    board.with_panel(
        curves(
            "Labels and broken expectations",
            "Labels of that window; expectations that the live inputs broke.",
            "short",
            (f"max by (model) (airworthy_monitor_labels{{{M}}})", "{{model}} labels"),
            (
                f"max by (model, severity) (airworthy_monitor_failed_checks{{{M}}})",
                "{{model}} {{severity}}",
            ),
        )
    )
    board.with_panel(
        rows_of(
            "What was decided last",
            "The outcome of the newest window's decision.",
            f"max by (model, outcome) (airworthy_monitor_retraining{{{M}}}) > 0",
            width=8,
        )
    )
    board.with_panel(
        curves(
            "Refused challengers in a row",
            "Too many open the circuit: nothing is trained until a person has looked.",
            "short",
            (f"max by (model) (airworthy_monitor_rejected_in_a_row{{{M}}})", "{{model}}"),
            width=8,
        )
    )
    board.with_panel(
        curves(
            "Age of what is known",
            "Since the end of the last window that was judged, and since production's newest row.",
            "s",
            (
                f"time() - max by (model) (airworthy_monitor_window_end_timestamp_seconds{{{M}}})",
                "{{model}} window",
            ),
            (
                f"time() - max by (model) (airworthy_monitor_newest_row_timestamp_seconds{{{M}}})",
                "{{model}} row",
            ),
            width=8,
        )
    )


def _traffic(board: Dashboard) -> None:
    board.with_row(Row("Traffic"))
    board.with_panel(
        curves(
            "Requests",
            "Answered a second, by who answered.",
            "reqps",
            (
                f"sum by (model, version, arm) (rate(airworthy_requests_total{{{M}}}{RATE}))",
                "{{model}} {{version}} {{arm}}",
            ),
        )
    )
    board.with_panel(
        curves(
            "Requests that failed",
            "Share of all: 5xx are the server's, 4xx the callers'.",
            "percentunit",
            (
                f'sum by (model, status) (rate(airworthy_requests_total{{{M},status!="200"}}{RATE}))'
                f" / on (model) group_left sum by (model) (rate(airworthy_requests_total{{{M}}}{RATE}))",
                "{{model}} {{status}}",
            ),
        )
    )
    for share, name in ((0.5, "half"), (0.99, "99 of 100")):
        board.with_panel(
            curves(
                f"Latency: {name} of the requests",
                "From the request's head to its answer.",
                "s",
                (
                    f"histogram_quantile({share}, sum by (model, version, arm, le) "
                    f"(rate(airworthy_request_seconds_bucket{{{SENT}}}{RATE})))",
                    "{{model}} {{version}} {{arm}}",
                ),
                width=8,
            )
        )
    board.with_panel(
        curves(
            "Rows a request",
            "On average.",
            "short",
            (
                f"sum by (model) (rate(airworthy_rows_total{{{M}}}{RATE}))"
                f" / sum by (model) (rate(airworthy_request_seconds_count{{{M}}}{RATE}))",
                "{{model}}",
            ),
            width=8,
        )
    )


def _predictions(board: Dashboard) -> None:
    board.with_row(Row("Predictions"))
    board.with_panel(
        heat(
            "Distribution",
            "Predicted numbers, or probabilities of the positive class; choose one model.",
            f"sum by (le) (increase(airworthy_prediction_value_bucket{{{M}}}{RATE}))",
        )
    )
    rate = "rate(airworthy_prediction_value_bucket{{{}}}{})"
    quantile = f"histogram_quantile({{}}, sum by (model, version, arm, le) ({rate}))"
    board.with_panel(
        curves(
            "Tenths",
            "The lowest tenth, the median, and the highest tenth.",
            "none",
            *(
                (
                    quantile.format(share, M, RATE),
                    f"{{{{model}}}} {{{{version}}}} {{{{arm}}}} {name}",
                )
                for share, name in ((0.1, "10 %"), (0.5, "50 %"), (0.9, "90 %"))
            ),
            axis=(None, None),
        )
    )
    board.with_panel(
        curves(
            "Mean",
            "Of the predictions since the last look.",
            "none",
            (
                f"sum by (model, version, arm) (rate(airworthy_prediction_value_sum{{{M}}}{RATE}))"
                f" / sum by (model, version, arm) (rate(airworthy_prediction_value_count{{{M}}}{RATE}))",
                "{{model}} {{version}} {{arm}}",
            ),
            axis=(None, None),
        )
    )
    board.with_panel(
        curves(
            "Classes",
            "Share of the rows by most probable class.",
            "percentunit",
            (
                f"sum by (model, version, arm, class) (rate(airworthy_predicted_class_total{{{M}}}{RATE}))"
                " / on (model, version, arm) group_left "
                f"sum by (model, version, arm) (rate(airworthy_predicted_class_total{{{M}}}{RATE}))",
                "{{model}} {{version}} {{arm}} {{class}}",
            ),
            axis=(0.0, 1.0),
        )
    )


def _rollouts(board: Dashboard) -> None:
    board.with_row(Row("Rollouts and decisions"))
    board.with_panel(
        rows_of(
            "Loaded versions",
            "What the server has loaded, and in which role.",
            f"max by (model, version, role) (airworthy_version_info{{{M}}})",
            width=8,
        )
    )
    board.with_panel(
        rows_of(
            "Rollouts under way",
            "Who is watched against whom, and in which step.",
            f"max by (model, champion, challenger, step) (airworthy_rollout_info{{{M}}})",
            width=8,
        )
    )
    board.with_panel(
        states(
            "Kill switch and flags",
            "1 when the champion answers everything; 1 when the flag file has faults.",
            (f"max by (model) (airworthy_kill_switch{{{M}}})", "{{model}} kill switch"),
            ("max by (instance) (airworthy_flag_problems > bool 0)", "{{instance}} flags"),
            width=8,
        )
    )
    board.with_panel(
        curves(
            "Decisions",
            "Entries of the ledger by kind: verdicts, approvals, steps, trips, moves, rollbacks.",
            "short",
            (f"max by (model, kind) (airworthy_ledger_entries_total{{{M}}})", "{{model}} {{kind}}"),
        )
    )
    board.with_panel(
        curves(
            "What went wrong on the way",
            "Requests that a challenger failed and the champion answered, shadows that there "
            "was no room for, answers that could not be logged: a second.",
            "cps",
            (
                f"sum by (model, version) (rate(airworthy_challenger_errors_total{{{M}}}{RATE}))",
                "{{model}} {{version}} failed",
            ),
            (
                f"sum by (model, version) (rate(airworthy_shadows_dropped_total{{{M}}}{RATE}))",
                "{{model}} {{version}} dropped",
            ),
            (f"sum(rate(airworthy_predictions_lost_total{RATE}))", "not logged"),
        )
    )
    board.with_panel(
        curves(
            "Champions swapped",
            "By the server, in the last hour.",
            "short",
            (f"sum by (model) (increase(airworthy_swaps_total{{{M}}}[1h]))", "{{model}}"),
        )
    )
    board.with_panel(
        number(
            "Since the guard tripped last",
            "Nothing where it never did.",
            "s",
            (
                f'time() - max by (model) (airworthy_ledger_last_entry_timestamp_seconds{{{M},kind="guard_trip"}})',
                "{{model}}",
            ),
            width=12,
        )
    )


def _servers(board: Dashboard) -> None:
    board.with_row(Row("Model servers"))
    board.with_panel(
        curves(
            "Since the last report",
            "A server writes one every few seconds. One that is silent counts no more in a rollout.",
            "s",
            (
                "time() - max by (server, replica) (airworthy_server_last_report_timestamp_seconds)",
                "{{replica}} ({{server}})",
            ),
            limit=90.0,
        )
    )
    board.with_panel(
        curves(
            "Entries behind the ledger",
            "Entries about traffic that a server does not follow yet: 0 within a second or two.",
            "short",
            (
                f"max by (model) (airworthy_ledger_followed_entry{{{M}}}) - on (model) group_right "
                f"max by (model, server, replica) (airworthy_server_seen_entry{{{M}}})",
                "{{model}} {{replica}} ({{server}})",
            ),
            limit=1.0,
        )
    )
