"""Reading YAML means the same as reading JSON."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airworthy.spec.fields import format_duration, parse_duration
from airworthy.spec.read_yaml import UnreadableError, read_mapping

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


class Writer(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
    """Quotes text in the form of a number with an exponent, as writers of YAML 1.2 do."""


Writer.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$", re.ASCII),
    list("-+.0123456789"),
)
SHARED_FOLDER = [HealthCheck.function_scoped_fixture]


@settings(deadline=None, suppress_health_check=SHARED_FOLDER)
@given(content=st.dictionaries(TEXT, VALUES, max_size=5))
@example(content={"0E0": "1e5"})
def test_what_is_written_as_yaml_is_read_back(tmp_path: Path, content: dict[str, object]) -> None:
    """Any JSON content survives YAML, value for value and type for type."""
    path = tmp_path / "content.yaml"
    path.write_text(yaml.dump(content, Dumper=Writer, allow_unicode=True), encoding="utf-8")

    read = read_mapping(path)

    assert json.dumps(read, sort_keys=True) == json.dumps(content, sort_keys=True)


def test_dates_stay_text_and_exponents_are_numbers(tmp_path: Path) -> None:
    """An unquoted date is the same text as in JSON; ``1e-5`` is a number."""
    path = tmp_path / "values.yaml"
    path.write_text(
        "day: 2025-02-30\nsmall: 1e-5\nlarge: 2E3\nalias: &x [1]\nsame: *x\n", encoding="utf-8"
    )

    assert read_mapping(path) == {
        "day": "2025-02-30",
        "small": 1e-5,
        "large": 2000.0,
        "alias": [1],
        "same": [1],
    }


@pytest.mark.parametrize("opener", ["[", "{a: ", "- ", "? "])
@pytest.mark.parametrize("depth", [100, 1_000, 20_000])
def test_no_nesting_brings_the_process_down(tmp_path: Path, opener: str, depth: int) -> None:
    """However deep a file nests, in either style, it is refused; libyaml's binding alone would
    crash.
    """
    path = tmp_path / "deep.yaml"
    path.write_text(f"model:\n  {opener * depth}", encoding="utf-8")

    with pytest.raises(UnreadableError) as refused:
        read_mapping(path)

    assert len(refused.value.faults) == 1


def test_a_file_of_any_size_is_refused_quickly(tmp_path: Path) -> None:
    """A huge file is not read to its end."""
    path = tmp_path / "huge.yaml"
    with path.open("wb") as stream:
        stream.truncate(10 * 1024**3)  # sparse: takes no room on the disk

    with pytest.raises(UnreadableError, match="too long for a spec"):
        read_mapping(path)


@given(seconds=st.integers(0, 999_999))
def test_durations_are_written_as_they_are_read(seconds: int) -> None:
    """Writing a duration and reading it gives the same duration."""
    duration = timedelta(seconds=seconds)

    assert parse_duration(format_duration(duration)) == duration
