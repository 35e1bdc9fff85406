"""What a check leaves for people: everything that it looked at, as JSON, in the run's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from airworthy.handover import Ref

_Kept = TypeVar("_Kept", bound=Ref)


def keep(result: _Kept, **more: Any) -> _Kept:
    """Write what is handed over, and more, to the file that it names as its evidence; return it."""
    content = {**result.model_dump(mode="json"), **more}
    path = Path(content["evidence"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return result
