"""The default expectations of a spec: which hold, and their results over all days. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from airworthy.handover import CheckResult
from airworthy.spec import ModelSpec
from airworthy.spec.validate_part import DataWaiver, DefaultExpectation, Expectation
from airworthy.spec.waivers import waiver_of
from airworthy.validation.recent_days import DayExpectation, DayFigures, day_expectations

_SCHEMA = "expect_table_columns_to_match_set"
_ROW_COUNT = "expect_table_row_count_to_be_between"
_NULLS = "expect_column_values_to_not_be_null"
_TYPES: dict[DefaultExpectation, str] = {
    "schema": _SCHEMA, "row_count": _ROW_COUNT, "nulls": _NULLS,
}  # fmt: skip
# A spec's own expectations that replace the default ones.
_OWN_SCHEMA = {_SCHEMA, "expect_table_columns_to_match_ordered_list"}
_OWN_ROW_COUNT = {_ROW_COUNT, "expect_table_row_count_to_equal"}
_OWN_NULLS = {
    _NULLS,
    "expect_column_values_to_be_null",
    "expect_column_proportion_of_non_null_values_to_be_between",
}

# The day, and Great Expectations' result as JSON values.
DayResults = Sequence[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class DefaultExpectations:
    """The default expectations that hold for a spec.

    Attributes:
        schema: The declared columns, the event time first; None: the spec has its own expectation.
        row_count: Whether the number of rows has a default expectation.
        null_columns: The columns whose nulls have one.
        waivers: The spec's waivers.
        since: Column -> the first day on which the source has it.
    """

    schema: Expectation | None
    row_count: bool
    null_columns: list[str]
    waivers: list[DataWaiver]
    since: Mapping[str, date] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: ModelSpec) -> DefaultExpectations:
        """Return those of a spec. Nulls of the key and of the label have none."""
        own, ingest = spec.validate_.expectations, spec.ingest
        types = {each.type for each in own}
        judged = {each.arguments.get("column") for each in own if each.type in _OWN_NULLS}
        excluded = {*ingest.key, ingest.event_time, ingest.label, *judged}
        declared = list(ingest.lake_columns)
        schema = Expectation.model_validate(
            {"type": _SCHEMA, "column_set": declared, "exact_match": True}
        )
        return cls(
            schema=None if types & _OWN_SCHEMA else schema,
            row_count=not types & _OWN_ROW_COUNT,
            null_columns=[name for name in ingest.columns if name not in excluded],
            waivers=list(spec.validate_.waive),
            since=ingest.since,
        )

    def of_days(self, days: Mapping[date, DayFigures]) -> dict[date, list[DayExpectation]]:
        """Return the expectations of each day, from the figures of all days with rows."""
        schema = [] if self.schema is None else [_of_schema(self.schema)]
        judged = day_expectations(days, self.row_count, self.null_columns, self.since)
        return {day: [*schema, *expectations] for day, expectations in judged.items()}

    def summarise(self, results: DayResults) -> list[CheckResult]:
        """Return the results over all days: one check per expectation, and one of its waived days.

        A day that an earlier version validated has no results of default expectations.

        Args:
            results: The results of all days, by time.
        """
        checks = [] if self.schema is None else [self._summarise("schema", None, results)]
        checks += [self._summarise("row_count", None, results)] if self.row_count else []
        checks += [self._summarise("nulls", name, results) for name in self.null_columns]
        return [check for group in checks for check in group]

    def _summarise(
        self, rule: DefaultExpectation, column: str | None, results: DayResults
    ) -> list[CheckResult]:
        judged = 0
        failed: dict[str, str] = {}
        for day, single in _results_of(rule, column, results):
            judged += 1
            if not single["success"]:
                failed[day] = f"{_figure(single)}, {single['expectation_config']['meta']['usual']}"
        check = CheckResult(
            check=_TYPES[rule],
            column=column,
            severity="critical",
            success=not failed,
            observed=f"judged on {judged} of {len(results)} days: too little is known of the others"
            if judged < len(results)
            else "",
            rule=rule,
        )
        return self._apply_waiver(rule, check, failed)

    def _apply_waiver(
        self, rule: DefaultExpectation, check: CheckResult, failed: Mapping[str, str]
    ) -> list[CheckResult]:
        """Return the check of the days that are not waived, and one of the failed waived days."""
        waiver = waiver_of(self.waivers, rule)
        days = [] if waiver is None else [day for day in failed if _is_waived(waiver, day)]
        held = [day for day in failed if day not in days]
        updates = {"success": not held, "failed_partitions": held}
        words = {"observed": failed[held[-1]]} if held else {}
        checks = [check.model_copy(update={**updates, **words})]
        if waiver is not None and days:
            updates = {"success": False, "failed_partitions": days, "observed": failed[days[-1]]}
            checks.append(check.model_copy(update={**updates, "waived": waiver.because}))
        return checks


def _of_schema(schema: Expectation) -> DayExpectation:
    declared = ", ".join(schema.arguments["column_set"])
    return DayExpectation("schema", schema, f"declared are {declared}")


def _is_waived(waiver: DataWaiver, day: str) -> bool:
    return not waiver.days or date.fromisoformat(day) in waiver.days


def _results_of(
    rule: DefaultExpectation, column: str | None, results: DayResults
) -> Iterable[tuple[str, dict[str, Any]]]:
    for day, result in results:
        for single in result["results"]:
            config = single["expectation_config"]
            if (config["meta"].get("rule"), config["kwargs"].get("column")) == (rule, column):
                yield day, single


def _figure(single: dict[str, Any]) -> str:
    """Return the measured figure of a day in words."""
    result = single.get("result") or {}
    if result.get("element_count"):
        count, rows = result["unexpected_count"], result["element_count"]
        return f"{count / rows:.1%} null ({count} of {rows} rows)"
    observed = result.get("observed_value", "unknown")
    return f"columns {', '.join(observed)}" if isinstance(observed, list) else f"{observed} rows"
