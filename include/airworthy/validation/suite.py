"""Running a spec's expectations on one partition with Great Expectations, and drawing its Data Docs page."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from airworthy.errors import TerminalError
from airworthy.spec.model_spec import Expectation

if TYPE_CHECKING:
    import polars as pl

# Great Expectations reports usage to its makers unless told otherwise.
os.environ["GX_ANALYTICS_ENABLED"] = "false"


class Suite:
    """A spec's expectations, ready to be run on batch after batch."""

    def __init__(self, model: str, expectations: list[Expectation]) -> None:
        """Build the suite.

        Raises:
            TerminalError: when an expectation is unknown to Great Expectations or its arguments are wrong.
        """
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        # It warns of the temporary folder that an ephemeral context keeps its site in.
        logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.ERROR)
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self.suite = gx.ExpectationSuite(name=model)
        for number, expectation in enumerate(expectations):
            self.suite.add_expectation(_build(model, number, expectation))
        asset = self._context.data_sources.add_pandas("lake").add_dataframe_asset(model)
        self._batches = asset.add_batch_definition_whole_dataframe("partition")

    def run(self, partition: pl.DataFrame) -> Any:
        """Validate one partition; return Great Expectations' ``ExpectationSuiteValidationResult``."""
        batch = self._batches.get_batch({"dataframe": partition.to_pandas()})
        return batch.validate(self.suite, result_format="SUMMARY")


def _build(model: str, number: int, expectation: Expectation) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(
            type=expectation.type,
            kwargs=expectation.arguments,
            severity=expectation.severity,
            # Results come back in an order of their own; this says which expectation each belongs to.
            meta={"number": number},
        ).to_domain_obj()
    except Exception as error:
        raise TerminalError(
            f"validate.expectations[{number}] is not an expectation that Great Expectations can build",
            model=model,
            stage="validate",
            received=f"{expectation.type} {expectation.arguments}: {error}",
            allowed="a Great Expectations type with its own arguments",
            next_step="airworthy check",
        ) from error


def data_docs(result: Any) -> str:
    """Return the Data Docs page of a validation result, as one HTML text."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    for single in result.results:
        seen = single.result.get("observed_value")
        if hasattr(seen, "item"):
            # Great Expectations' page cannot print a NumPy scalar.
            single.result["observed_value"] = seen.item()
    return str(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result)))
