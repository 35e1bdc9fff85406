"""The parameters of one run, beside those of the spec."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from airworthy.errors import TerminalError
from airworthy.spec.fields import non_finite


def require_finite(parameters: Mapping[str, JsonValue], model: str | None = None) -> None:
    """Check that no parameter of a run is NaN or infinite: XGBoost would train on in silence.

    Raises:
        TerminalError: when one is. It names the parameter.
    """
    for name, value in parameters.items():
        if non_finite(value):
            raise TerminalError(
                f"the run's parameter {name} is no finite number",
                model=model,
                received=f"{name}={value}",
                allowed="a finite number, such as learning_rate=0.1",
                next_step="correct the run's parameters",
            )
