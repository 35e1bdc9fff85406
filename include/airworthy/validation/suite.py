"""Runs a spec's expectations on a partition with Great Expectations; renders its Data Docs page."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airworthy.errors import TerminalError
from airworthy.sandboxed_page import escaped_texts, sandboxed_page
from airworthy.spec.validate_part import Expectation
from airworthy.validation.recent_days import DayExpectation
from airworthy.validation.validation_results import exception_message

if TYPE_CHECKING:
    import polars as pl

# Great Expectations sends usage statistics by default.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
_UNFOLDED = "<style>.collapse { display: block !important; }</style></head>"


class Suite:
    """The expectations of a spec, ready to validate many batches."""

    def __init__(self, model: str, expectations: list[Expectation]) -> None:
        """Build the suite.

        Raises:
            TerminalError: when Great Expectations does not know an expectation or its arguments.
        """
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        # It warns about the temporary folder of an ephemeral context.
        logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.ERROR)
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._model, self._expectations = model, expectations
        self._suite(
            expectations
        )  # an expectation that cannot be built is found before any partition is read
        asset = self._context.data_sources.add_pandas("lake").add_dataframe_asset(model)
        self._batches = asset.add_batch_definition_whole_dataframe("partition")

    def run(self, partition: pl.DataFrame, of_day: Sequence[DayExpectation] = ()) -> Any:
        """Validate one partition; return an ``ExpectationSuiteValidationResult``.

        Args:
            partition: The rows.
            of_day: Further expectations, of this partition alone. Their results have their rule and
                the usual figure in ``meta``.
        """
        return self._validate(partition, self._suite(self._expectations, of_day))

    def failures(self, partition: pl.DataFrame) -> dict[int, str]:
        """Return the expectations that cannot be evaluated on these rows, with the reason.

        The keys are the positions in the spec. An expectation that is not met is no such failure.
        """
        found: dict[int, str] = {}
        for number, expectation in enumerate(self._expectations):
            try:
                result = self._validate(partition, self._suite([expectation])).results[0]
            except TerminalError as error:
                found[number] = str(error.received)
                continue
            message = exception_message(result.exception_info)
            if message is not None:
                found[number] = message
        return found

    def _validate(self, partition: pl.DataFrame, suite: Any) -> Any:
        batch = self._batches.get_batch({"dataframe": partition.to_pandas()})
        try:
            return batch.validate(suite, result_format="SUMMARY")
        except Exception as error:
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise TerminalError(
                "Great Expectations cannot evaluate the expectations",
                model=self._model,
                stage="validate",
                received=message,
                allowed="expectations that work on the declared columns",
                next_step=f"airworthy check include/models/{self._model} names the expectation",
            ) from error

    def _suite(
        self, expectations: Sequence[Expectation], of_day: Sequence[DayExpectation] = ()
    ) -> Any:
        """Return a new suite: an expectation belongs to one suite only."""
        import great_expectations as gx

        suite = gx.ExpectationSuite(name=self._model)
        for number, expectation in enumerate(expectations):
            # Results come back in another order: the number assigns them to the expectations.
            suite.add_expectation(_build(self._model, expectation, {"number": number}))
        for each in of_day:
            meta = {"rule": each.rule, "usual": each.usual}
            suite.add_expectation(_build(self._model, each.expectation, meta))
        return suite


def _build(model: str, expectation: Expectation, meta: dict[str, Any]) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(
            type=expectation.type,
            kwargs=expectation.arguments,
            severity=expectation.severity,
            meta=meta,
        ).to_domain_obj()
    except Exception as error:
        raise TerminalError(
            f"validate.expectations[{meta.get('number', 'default')}] is not an expectation that "
            "Great Expectations can build",
            model=model,
            stage="validate",
            received=f"{expectation.type} {expectation.arguments}: {error}",
            allowed="a Great Expectations type with its own arguments",
            next_step="airworthy check",
        ) from error


def result_values(result: Any) -> dict[str, Any]:
    """Return a validation result as JSON values. Great Expectations leaves NumPy's in some of them."""
    values = json.dumps(result.to_json_dict(), default=lambda value: value.item())
    return dict(json.loads(values))


def data_docs(result: Any) -> str:
    """Return the Data Docs page of a validation result as HTML, in a sandbox.

    Texts of the data are escaped before Great Expectations draws them. Its scripts, which come from
    servers of others, do not run: what they would unfold is shown unfolded.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    result = copy.deepcopy(result)
    for single in result.results:
        observed = single.result.get("observed_value")
        if hasattr(observed, "item"):
            # Great Expectations' page cannot print a NumPy scalar.
            single.result["observed_value"] = observed.item()
        single.result = escaped_texts(single.result)
        single.exception_info = escaped_texts(single.exception_info)
        config = single.expectation_config
        config.kwargs = escaped_texts(config.kwargs)
    page = str(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result)))
    return sandboxed_page("Data Docs", page.replace("</head>", _UNFOLDED, 1), scripts=False)
