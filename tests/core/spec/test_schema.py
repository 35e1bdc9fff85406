"""The editors' JSON Schema equals the spec's classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.core.models.shipped import MODELS, SHIPPED
from tests.core.spec.broken_spec_table import BROKEN
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.spec import SpecError, load_spec
from airworthy.spec.read_yaml import UnreadableError, read_mapping
from airworthy.spec.spec_schema import SCHEMA_FILE, schema_text, spec_schema, write_schema

PATHS = [MODELS / model / "model.yaml" for model in SHIPPED]
VALIDATOR = jsonschema.Draft202012Validator(
    spec_schema(), format_checker=jsonschema.FormatChecker()
)


def test_the_committed_schema_is_the_generated_one() -> None:
    """Nobody can change a spec's classes and forget the schema: `airworthy schema --write` has been
    run.
    """
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_itself_valid_and_is_what_the_command_prints(tmp_path: Path) -> None:
    """`airworthy schema` prints a valid draft 2020-12 schema, and --write's file has the same text."""
    jsonschema.Draft202012Validator.check_schema(spec_schema())

    result = CliRunner().invoke(app, ["schema"])

    assert result.exit_code == 0
    assert result.stdout == schema_text()
    assert write_schema(tmp_path / "written.json").read_text(encoding="utf-8") == result.stdout


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.parent.name)
def test_shipped_specs_fit_the_schema_and_name_it(path: Path) -> None:
    """An editor shows no fault in a shipped spec, and finds the schema by the spec's first line."""
    VALIDATOR.validate(read_mapping(path))

    first = path.read_text(encoding="utf-8").splitlines()[0]
    marker = "# yaml-language-server: $schema="
    assert first.startswith(marker)
    assert (path.parent / first.removeprefix(marker)).resolve() == SCHEMA_FILE.resolve()


def _fits(path: Path) -> bool:
    try:
        return bool(VALIDATOR.is_valid(read_mapping(path)))
    except UnreadableError:
        return False


@pytest.mark.parametrize(
    "name",
    [
        "unknown_key",
        "missing_key",
        "wrong_choice",
        "bad_model_name",
        "bad_duration",
        "date_as_number",
        "unknown_source",
        "unknown_source_key",
        "number_out_of_range",
        "unknown_column_type",
        "waiver_without_reason",
        "mapping_expected",
        "text_for_a_number",
    ],
)
def test_the_schema_refuses_what_an_editor_can_see(name: str) -> None:
    """Faults of form are underlined while typing: the schema refuses the same specs as the classes."""
    path = Path(__file__).with_name("broken") / f"{name}.yaml"

    assert path.name in BROKEN
    assert not _fits(path)
    with pytest.raises(SpecError):
        load_spec(path)
    assert _fits(Path(__file__).with_name("valid.yaml"))


def _parts() -> dict[str, dict[str, Any]]:
    schema = spec_schema()
    return {
        "ModelSpec": schema,
        **{name: part for name, part in schema["$defs"].items() if "properties" in part},
    }


def test_every_part_is_described() -> None:
    """An editor shows a part's purpose when one points at it."""
    assert [name for name, part in _parts().items() if not part.get("description")] == []


def _defaults_and_examples() -> Iterator[tuple[dict[str, Any], Any]]:
    for part in _parts().values():
        for schema in part["properties"].values():
            values = [
                *schema.get("examples", []),
                *([schema["default"]] if "default" in schema else []),
            ]
            yield from ((schema, value) for value in values)


def test_what_an_editor_would_fill_in_is_allowed() -> None:
    """Every default and example of the schema fits the schema, in the spec's own way of writing it."""
    shown = list(_defaults_and_examples())
    refused = [
        value for schema, value in shown if not VALIDATOR.evolve(schema=schema).is_valid(value)
    ]

    assert len(shown) > 20
    assert refused == []
