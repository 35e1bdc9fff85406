"""What an operator tells Airflow's OpenLineage provider, when that is on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


class EmitsLineage:
    """An operator that runs a stage: `handed` and `handed_over` say what the stage read and made."""

    stage: ClassVar[str]
    model: str
    handed: dict[str, Any]
    handed_over: Mapping[str, Any]

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage:
        """Return the stage's inputs and outputs; the provider asks after a success, and after a failure."""
        # Only a provider that is on gets here: a parse, and a task without it, import nothing for it.
        from airworthy_airflow.openlineage import lineage_of

        return lineage_of(self.stage, self.model, self.handed, self.handed_over)
