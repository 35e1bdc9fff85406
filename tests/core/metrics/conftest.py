"""A small model to run stages of, and registered versions to serve."""

from __future__ import annotations

from ..serving.conftest import registry  # noqa: TID252 - tests are no installed package
from ..stages.conftest import make_model, run_stages  # noqa: TID252

__all__ = ["make_model", "registry", "run_stages"]
