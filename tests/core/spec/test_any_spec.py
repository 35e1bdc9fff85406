"""Property: any changed spec is either good or refused with faults that name a key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airworthy.spec import SpecError, load_spec
from airworthy.spec.faults import Fault
from airworthy.spec.read_yaml import read_mapping

VALID = read_mapping(Path(__file__).with_name("valid.yaml"))

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "28d",
            "0d",
            "999999w",
            "2025-02-30",
            "@daily",
            "* * * * *",
            "files",
            "sql",
            "https://x",
            "auc",
        ]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [
        path_inside
        for key, item in inside
        for path_inside in ((*path, key), *_places(item, (*path, key)))
    ]


@st.composite
def mutated_specs(draw: st.DrawFn) -> dict[str, Any]:
    """A valid spec after one to three deletions, replacements or renamings, anywhere in it."""
    spec = copy.deepcopy(VALID)
    for _ in range(draw(st.integers(1, 3))):
        places = _places(spec)
        if not places:
            break
        *above, last = draw(st.sampled_from(places))
        parent: Any = spec
        for step in above:
            parent = parent[step]
        deed = draw(st.sampled_from(["delete", "replace", "rename"]))
        if deed == "replace" or (deed == "rename" and isinstance(parent, list)):
            parent[last] = draw(VALUES)
        elif deed == "rename":
            parent[draw(st.text(max_size=12))] = parent.pop(last)
        else:
            del parent[last]
    return spec


def _faults(path: Path) -> list[Fault]:
    """Return the faults; a refused spec has at least one fault, each with all its parts."""
    try:
        load_spec(path)
    except SpecError as error:
        return error.faults or [Fault(str(path), "", "refused without a fault", "", "")]
    return []


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spec=mutated_specs())
def test_a_changed_spec_is_good_or_has_faults_with_a_key(
    tmp_path: Path, spec: dict[str, Any]
) -> None:
    """Any change to a valid spec ends in a `ModelSpec`, or in a `SpecError` with a key in every
    fault.
    """
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(spec, allow_unicode=False), encoding="utf-8")
    assert all(fault.key and fault.problem and fault.allowed for fault in _faults(path))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_good_or_have_faults(tmp_path: Path, content: bytes) -> None:
    """Any bytes in a spec's file end in a `ModelSpec` or in a `SpecError`, never in another
    exception.
    """
    path = tmp_path / "any.yaml"
    path.write_bytes(content)
    assert all(fault.problem and fault.allowed for fault in _faults(path))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cut=st.integers(0, 700), inserted=st.text(alphabet="[]{}:,-&*!|>'\"%@`#?\t\n <x1", max_size=6)
)
def test_any_typo_is_good_or_has_faults(tmp_path: Path, cut: int, inserted: str) -> None:
    """Any few characters typed anywhere into a valid spec end in a `ModelSpec` or in a `SpecError`."""
    text = Path(__file__).with_name("valid.yaml").read_text(encoding="utf-8")
    path = tmp_path / "typo.yaml"
    path.write_text(text[:cut] + inserted + text[cut:], encoding="utf-8")
    assert all(fault.problem and fault.allowed for fault in _faults(path))
