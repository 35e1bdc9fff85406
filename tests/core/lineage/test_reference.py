"""References as people type them: each form is told apart, and any other text is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.errors import TerminalError
from airworthy.lineage.reference import parse_reference

DIGEST = "1a2b3c4d5e6f" * 5 + "0123"
UUID = "019ab8c2-3d10-7abc-8def-0123456789ab"


@pytest.mark.parametrize(
    ("text", "kind", "value", "model", "dag_id"),
    [
        ("delivery_eta/7", "version", "7", "delivery_eta", None),
        ("delivery_eta/007", "version", "7", "delivery_eta", None),
        ("delivery_eta@champion", "alias", "champion", "delivery_eta", None),
        ("delivery_eta@challenger", "alias", "challenger", "delivery_eta", None),
        (
            "delivery_eta/2026-11-25/1a2b3c4d5e6f",
            "dataset",
            "2026-11-25/1a2b3c4d5e6f",
            "delivery_eta",
            None,
        ),
        ("delivery_eta/2026-11-20", "partition", "2026-11-20", "delivery_eta", None),
        (" delivery_eta/2026-11-20 ", "partition", "2026-11-20", "delivery_eta", None),
        ("delivery_eta/2026-02-30", "word", "delivery_eta/2026-02-30", None, None),
        (
            "delivery_eta__train/manual__2026-11-25T08:00:00+00:00",
            "run",
            "manual__2026-11-25T08:00:00+00:00",
            "delivery_eta",
            "delivery_eta__train",
        ),
        ("a__b__rollback/x/y", "run", "x/y", "a__b", "a__b__rollback"),
        (
            "manual__2026-11-25T08:00:00+00:00",
            "word",
            "manual__2026-11-25T08:00:00+00:00",
            None,
            None,
        ),
        ("cli-20261125T080000.123456", "word", "cli-20261125T080000.123456", None, None),
        (DIGEST, "word", DIGEST, None, None),
        (f"{UUID}:3", "word", f"{UUID}:3", None, None),
    ],
)
def test_each_form_is_told_apart(
    text: str, kind: str, value: str, model: str | None, dag_id: str | None
) -> None:
    """The kind, the model and the rest come out of the text alone."""
    parsed = parse_reference(text)
    assert (parsed.kind, parsed.value, parsed.model, parsed.dag_id) == (kind, value, model, dag_id)
    assert parsed.text == text


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("7", "version", "7"),
        ("@champion", "alias", "champion"),
        ("2026-11-20", "partition", "2026-11-20"),
        ("2026-11-25/1a2b3c4d", "dataset", "2026-11-25/1a2b3c4d"),
        ("delivery_eta/7", "version", "7"),
        ("manual__x", "word", "manual__x"),
    ],
)
def test_beside_a_model_the_short_forms_will_do(text: str, kind: str, value: str) -> None:
    """The model's name is not needed twice."""
    parsed = parse_reference(text, "delivery_eta")
    assert (parsed.kind, parsed.value, parsed.model) == (kind, value, "delivery_eta")


def test_a_reference_to_another_model_than_the_one_named_is_refused() -> None:
    """Two models in one question are a mistake, not a choice."""
    with pytest.raises(TerminalError, match="another model"):
        parse_reference("delivery_eta/7", "bike_demand")


@given(st.text(max_size=40), st.none() | st.just("eta"))
def test_any_text_is_a_reference_or_a_refusal(text: str, model: str | None) -> None:
    """Any typed text ends in a reference or in an error with the allowed forms."""
    try:
        outcome: object = parse_reference(text, model).value
    except TerminalError as error:
        outcome = error.received and error.allowed
    assert outcome
