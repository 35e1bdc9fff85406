"""The JSON Schema of a spec, generated from the spec's classes, for completion in editors."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

SCHEMA_FILE = Path(__file__).with_name("model.schema.json")


@lru_cache(maxsize=1)
def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``model.yaml``."""
    from airworthy.spec.model_spec import ModelSpec

    schema = ModelSpec.model_json_schema(by_alias=True, mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Airworthy model spec",
    }


def schema_text() -> str:
    """Return the text of `SCHEMA_FILE`: indented JSON, with a final line end."""
    return json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n"


def write_schema(path: Path = SCHEMA_FILE) -> Path:
    """Write the schema file; return its path."""
    path.write_text(schema_text(), encoding="utf-8")
    return path
