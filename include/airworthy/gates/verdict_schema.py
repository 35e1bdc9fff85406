"""The JSON Schema of a verdict, for readers of ``verdict.json`` outside of Airworthy."""

from __future__ import annotations

import json
from typing import Any

from airworthy.handover import Verdict


def verdict_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``verdict.json``."""
    schema = Verdict.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Airworthy verdict",
    }


def verdict_schema_text() -> str:
    """Return the schema as indented JSON, with a final line end."""
    return json.dumps(verdict_schema(), indent=2, ensure_ascii=False) + "\n"
