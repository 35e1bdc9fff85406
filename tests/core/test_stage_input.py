"""A stage's input in an environment variable comes out unchanged; a long one is refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.errors import TerminalError
from airworthy.stage_input import MAX_LENGTH, located, pack, portable, unpack

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), values))
def test_what_is_packed_comes_out_again(payload: dict[str, Any]) -> None:
    """Any JSON, in letters safe for a shell, Docker and Kubernetes; the same input gives the same
    text.
    """
    packed = pack(payload)
    assert packed.isascii()
    assert not set(packed) & set(" \n$'\"\\{}")
    assert json.loads(unpack(packed)) == json.loads(json.dumps(payload))
    assert pack(payload) == packed


def test_five_years_of_partitions_fit() -> None:
    """The longest windows of real models reach a container."""
    days = {
        f"20{n // 365:02d}-{n % 365:03d}": hashlib.sha256(str(n).encode()).hexdigest()
        for n in range(5 * 365)
    }
    assert len(pack({"dataset": {"partitions": days}})) < MAX_LENGTH


def test_what_does_not_fit_is_refused_with_its_length() -> None:
    """Linux would refuse to start the process, in words nobody understands."""
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(4000)]
    with pytest.raises(TerminalError, match="too long for a container"):
        pack({"digests": digests})


@pytest.mark.parametrize("text", ["{}", "H4sIAAAA", "bm8gZ3ppcA==", "ä"])
def test_text_that_was_not_packed_is_refused(text: str) -> None:
    """Any fault in it is a ValueError; the command turns it into words."""
    with pytest.raises(ValueError, match=r"base64|ascii|ASCII"):
        unpack(text)


def test_addresses_of_one_place_become_those_of_another() -> None:
    """The longest place counts; addresses of elsewhere, and names that only begin alike, stay."""
    here = {"lake": "/srv/state/lake", "state": "/srv/state", "artifacts": "s3://models/a"}
    there = {"lake": "s3://lake", "state": "/var/lib/airworthy", "artifacts": "s3://models/a"}
    payload = {
        "table": "/srv/state/lake/eta",
        "more": ["/srv/state", "/srv/state2/x", "s3://models/a/1", "postgresql://db/x", 7, None],
    }
    sent = portable(payload, here)
    assert "/srv/state/" not in json.dumps(sent)
    assert located(sent, here) == payload
    assert located(sent, there) == {
        "table": "s3://lake/eta",
        "more": [
            "/var/lib/airworthy", "/srv/state2/x", "s3://models/a/1", "postgresql://db/x", 7, None,
        ],
    }  # fmt: skip
