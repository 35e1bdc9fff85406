"""Results of checks: kept in full as JSON in the run's evidence, or inconclusive for a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from airworthy.handover import StageOutput

_Result = TypeVar("_Result", bound=StageOutput)


class InconclusiveError(Exception):
    """A check has too little to go on. Its message is the reason, for people. No task fails."""


def write_evidence(result: _Result, **details: Any) -> _Result:
    """Write a result and its details to the file of its field `evidence`, and return the result."""
    content = {**result.model_dump(mode="json"), **details}
    path = Path(content["evidence"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return result
