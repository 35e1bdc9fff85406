"""Expected faults of each spec in ``broken/``: key, and words of problem, received and allowed."""

from __future__ import annotations

from typing import NamedTuple


class Told(NamedTuple):
    """The one fault of a broken spec; each field is a text within this part of the message."""

    key: str
    problem: str
    received: str
    allowed: str


GATE, SOURCE, EXPECTATION, SPACE = (
    "evaluate.gates[0]",
    "ingest.source",
    "validate.expectations[0]",
    "train.search.space",
)

BROKEN: dict[str, Told] = {
    "unknown_key.yaml": Told(
        "ownr", "did you mean 'owner'", "logistics-ml", "owner, release, schedule"
    ),
    "missing_key.yaml": Told("ingest.label", "required", "nothing", "text, not empty"),
    "wrong_choice.yaml": Told(
        "task", "'regression'", "regresion", "regression, binary, multiclass"
    ),
    "bad_model_name.yaml": Told(
        "model", "wrong form", "My-Parcels", "lower-case letters, digits and _"
    ),
    "bad_duration.yaml": Told(
        "train.lookback", "not a duration", "4 fortnights", "28d, 12h, 30m or 45s"
    ),
    "part_of_a_day.yaml": Told(
        "train.holdout", "whole days", "36h", "whole number of days, at least 1d"
    ),
    "holdout_eats_lookback.yaml": Told(
        "train.holdout", "nothing would be left", "28d", "less than the lookback, 28d"
    ),
    "bad_cron.yaml": Told("schedule", "not a cron expression", "0 25 * * *", "hour 0-23"),
    "never_occurring_cron.yaml": Told("schedule", "never comes", "0 0 30 2 *", "five fields"),
    "no_such_date.yaml": Told("start", "no such date", "2025-02-30", "a date that exists"),
    "date_as_number.yaml": Told("start", "not a date", "20250101", "such as 2025-01-31"),
    "end_before_start.yaml": Told("end", "before the first", "2024-12-31", "2025-01-01 or later"),
    "unknown_source.yaml": Told(
        f"{SOURCE}.type", "did you mean 'simulator'", "simulater", "files, simulator, sql"
    ),
    "source_without_type.yaml": Told(
        f"{SOURCE}.type", "required", "nothing", "files, simulator, sql"
    ),
    "unknown_source_key.yaml": Told(
        f"{SOURCE}.rows_a_day", "mean 'rows_per_day'", "100", "rows_per_day, scenario"
    ),
    "drift_within_a_day.yaml": Told(
        f"{SOURCE}.drift_every", "between days only", "36h", "such as 56d or 8w"
    ),
    "number_out_of_range.yaml": Told(
        f"{SOURCE}.rows_per_day", "greater than 0", "0", "more than 0 and at most 50000000"
    ),
    "https_without_checksum.yaml": Told(
        f"{SOURCE}.sha256", "needs a checksum", "null", "64 lower-case hexadecimal"
    ),
    "query_without_bounds.yaml": Told(
        f"{SOURCE}.query", "does not use :end", "at >= :start", "both :start and :end"
    ),
    "two_addresses.yaml": Told(SOURCE, "one address", "both", "exactly one of url"),
    "unknown_column_type.yaml": Told(
        "ingest.columns.city", "not one of", "text", "float, int, bool, category, string"
    ),
    "undeclared_label.yaml": Told(
        "ingest.label", "not declared", "minuets", "delivery_id, city, distance_km, minutes"
    ),
    "undeclared_key.yaml": Told("ingest.key[0]", "not declared", "delivery", "delivery_id, city"),
    "label_as_key.yaml": Told(
        "ingest.key[1]", "the label is no key", "minutes", "delivery_id, city, distance_km"
    ),
    "label_of_wrong_type.yaml": Told(
        "ingest.columns.minutes", "a regression label", "string", "float, int"
    ),
    "event_time_declared_again.yaml": Told(
        "ingest.columns.picked_up_at", "event time", "datetime", "no such column"
    ),
    "reserved_column.yaml": Told(
        "ingest.columns.partition", "keeps the day", "int", "another name"
    ),
    "metric_of_another_task.yaml": Told(f"{GATE}.metric", "regression", "auc", "rmse, mae, r2"),
    "gate_without_threshold.yaml": Told(GATE, "needs `min` or `max`", "metric", "min or max"),
    "gate_with_useless_threshold.yaml": Told(
        f"{GATE}.margin", "no use without `against`", "0.1", "min or max"
    ),
    "gate_on_undeclared_slice.yaml": Told(
        f"{GATE}.slice", "not in evaluate.slices", "vehicle", "city"
    ),
    "slice_of_numbers.yaml": Told(
        "evaluate.slices[0]", "type float has no slices", "distance_km", "delivery_id, city"
    ),
    "waiver_without_reason.yaml": Told("evaluate.waive[0].because", "required", "nothing", "text"),
    "mapping_expected.yaml": Told(
        "train", "must be a mapping", "often", "split, lookback, holdout, holdout_share"
    ),
    "text_for_a_number.yaml": Told(f"{GATE}.max", "must be a number", "eight", "a number or null"),
    "not_a_number.yaml": Told(f"{GATE}.max", "must be finite", "NaN", "a number"),
    "unknown_expectation.yaml": Told(
        f"{EXPECTATION}.type",
        "did you mean 'expect_column_values_to_be_between'",
        "betwixt",
        "expect_column_to_exist",
    ),
    "unknown_expectation_argument.yaml": Told(
        f"{EXPECTATION}.max_valu",
        "did you mean 'max_value'",
        "200",
        "max_value, meta, min_value, mostly",
    ),
    "bad_expectation_argument.yaml": Told(
        f"{EXPECTATION}.mostly", "less than or equal", "1.5", "at most 1.0"
    ),
    "expectation_on_undeclared_column.yaml": Told(
        f"{EXPECTATION}.column",
        "did you mean 'distance_km'",
        "distance",
        "city, distance_km, minutes",
    ),
    "misspelt_parameter.yaml": Told(
        "train.parameters.max_dept", "mean 'max_depth'", "6", "max_depth, max_leaves"
    ),
    "parameter_out_of_range.yaml": Told(
        "train.parameters.subsample", "XGBoost refuses", "1.5", "within [0,1]"
    ),
    "parameter_set_elsewhere.yaml": Told(
        "train.parameters.seed", "Airworthy sets", "7", "train.seed"
    ),
    "objective_of_another_task.yaml": Told(
        "train.parameters.objective",
        "a regression task",
        "binary:logistic",
        "reg:squarederror, reg:absoluteerror",
    ),
    "misspelt_search_name.yaml": Told(
        f"{SPACE}.learning_rat", "mean 'learning_rate'", "0.1", "learning_rate, max_bin"
    ),
    "search_range_backwards.yaml": Told(
        f"{SPACE}.max_depth", "run upwards", "[9.0, 3.0]", "low below high"
    ),
    "search_range_too_wide.yaml": Told(
        f"{SPACE}.subsample[1]", "XGBoost refuses", "2.0", "within [0,1]"
    ),
    "key_twice.yaml": Told("task", "twice", "on line 2 and on line 4", "each key once"),
    "key_twice_inside.yaml": Told(
        "train.lookback", "twice", "on line 20 and on line 22", "each key once"
    ),
    "key_that_is_no_text.yaml": Told("", "a key that is not text (line 4)", "true", "quotes"),
    "tab_for_indent.yaml": Told(
        "line 10, column 1", "not valid YAML", "cannot start any token", "indented with spaces"
    ),
    "bracket_left_open.yaml": Told(
        "line 10, column 8", "not valid YAML", "',' or ']'", "bracket closed"
    ),
    "python_object.yaml": Told("owner", "tag", "python/object/apply:os.system", "plain values"),
    "two_documents.yaml": Told(
        "line 27, column 1", "not valid YAML", "another document", "key: value"
    ),
    "list_at_top.yaml": Told("", "mapping of keys", "a sequence", "model: delivery_eta"),
    "text_at_top.yaml": Told("", "mapping of keys", "a scalar", "model: delivery_eta"),
    "empty.yaml": Told("", "mapping of keys", "an empty file", "model: delivery_eta"),
    "not_utf8.yaml": Told("", "not text in UTF-8", "byte 0xe9 at position 10", "UTF-8"),
    "binary.yaml": Told("", "not text in UTF-8", "byte 0x80 at position 128", "UTF-8"),
    "rollout_without_end.yaml": Told(
        "release.rollout", "ends with all of the traffic", '["shadow", 10]', "full at the end"
    ),
    "rollout_that_shrinks.yaml": Told(
        "release.rollout", "must grow", "50, 10", "percentages that grow"
    ),
    "unknown_rollout_step.yaml": Told(
        "release.rollout[0]",
        "no step of a rollout",
        "blue",
        "shadow, a percentage from 1 to 99, full",
    ),
    "scored_part_of_a_day.yaml": Told(
        "score.window", "whole days", "36h", "whole number of days, at least 1d"
    ),
    "window_that_fits_no_day.yaml": Told(
        "monitor.window",
        "do not fit into days or weeks",
        "5h",
        "1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d, or whole weeks",
    ),
    "reference_without_weekdays.yaml": Told(
        "monitor.reference", "windows of the same weekdays", "10d", "whole weeks, at least 14d"
    ),
    "persist_more_than_there_are.yaml": Told(
        "monitor.retrain.persist", "in how many of how many windows", "3 of 2", "such as 2 of 3"
    ),
    "unwatched_column_unknown.yaml": Told(
        "monitor.drift.ignore[0]", "no column that is watched", "minutes", "city, distance_km"
    ),
    "asset_without_name.yaml": Told(
        "ingest.asset", "needs a name or a URI", "neither", "as the DAG that makes its data"
    ),
    "alert_of_no_kind.yaml": Told(
        "alerts.kinds[1]",
        "did you mean 'guard_trip'",
        "guard_trips",
        "drift, performance, circuit_breaker",
    ),
    "alert_after_no_duration.yaml": Told(
        "alerts.late_after", "not a duration", "soon", "28d, 12h, 30m or 45s"
    ),
    "alias_bomb.yaml": Told(
        "e[1][5]", "too many values", "aliases of aliases", "at most 20000 values"
    ),
    "alias_of_itself.yaml": Told("owner[0][0]", "alias that contains itself", "...", "40 levels"),
    "nested_without_end.yaml": Told("", "nests too deep", "hundreds of levels", "40 levels"),
    "folder_of_another_name": Told(
        "model", "its folder's name", "parcels", "folder_of_another_name"
    ),
    "no_features_file": Told(
        "FEATURES", "needs a features.py", "nothing", "dict[str, polars.Expr]"
    ),
    "features_that_cannot_run": Told(
        "FEATURES", "AttributeError", "nothing", "dict[str, polars.Expr]"
    ),
    "features_without_mapping": Told(
        "FEATURES", "must define FEATURES", "[<Expr", "dict[str, polars.Expr]"
    ),
    "feature_reads_label": Told(
        "FEATURES['speed']", "reads the label", "minutes", "picked_up_at, city, distance_km"
    ),
    "feature_reads_key": Told(
        "FEATURES['id']", "a key of the row", "delivery_id", "picked_up_at, city, distance_km"
    ),
    "feature_reads_undeclared": Told(
        "FEATURES['weight']", "does not have", "weight_kg", "city, distance_km"
    ),
    "feature_over_rows": Told("FEATURES['share']", "looks at other rows", "sum()", "over one row"),
    "feature_of_wrong_type": Told(
        "FEATURES['day']", "a model cannot take", "Date", "numbers, booleans, text"
    ),
    "feature_that_fails": Told(
        "FEATURES['root']", "fails on sample rows", "hour()", "every value of its columns"
    ),
    "baseline_by_unknown_feature": Told(
        "train.baseline.by[0]", "did you mean 'distance'", "distnce", "distance"
    ),
}
