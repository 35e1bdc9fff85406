"""Setting one value in a spec leaves every other byte alone, or nothing is written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from airworthy.errors import TerminalError
from airworthy.spec import load_spec
from airworthy.spec.edit_spec import set_in_part

VALID = (Path(__file__).with_name("valid.yaml")).read_text(encoding="utf-8")


def spec_file(folder: Path, text: str) -> Path:
    """Write a spec and return its path."""
    path = folder / "models" / "parcels" / "model.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", "\nalerts:\n  champion_max_age: 30d\n"),
        ("alerts: {}  # as it comes\n", "alerts: {champion_max_age: 30d}  # as it comes\n"),
        ("alerts: {kinds: [drift]}\n", "alerts: {champion_max_age: 30d, kinds: [drift]}\n"),
        (
            "alerts:  # ours\n    # which\n    kinds: [drift]\n",
            "alerts:  # ours\n    champion_max_age: 30d\n    # which\n    kinds: [drift]\n",
        ),
        (
            "alerts:\n  champion_max_age: 12d  # measured\n  kinds: [drift]\n",
            "alerts:\n  champion_max_age: 30d  # measured\n  kinds: [drift]\n",
        ),
        (
            'alerts: {champion_max_age: "12d", kinds: [drift]}',
            "alerts: {champion_max_age: 30d, kinds: [drift]}",
        ),
        (
            "alerts:\n  champion_max_age: null\nmonitor: {window: 1d}\n",
            "alerts:\n  champion_max_age: 30d\nmonitor: {window: 1d}\n",
        ),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_only_the_value_changes(
    tmp_path: Path, written: str, expected: str, newline: str, mark: str
) -> None:
    """Comments, order, quotes, line ends and mark stay, wherever the part is and however it is
    written.
    """
    before, after = (
        f"{mark}# ours\n{VALID}{text}".replace("\n", newline) for text in (written, expected)
    )
    path = spec_file(tmp_path, before)
    path.chmod(0o640)
    assert set_in_part(path, "alerts", "champion_max_age", "30d")
    assert path.read_bytes().decode() == after
    assert load_spec(path).alerts.champion_max_age is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not set_in_part(path, "alerts", "champion_max_age", "30d")
    assert [file.name for file in path.parent.parent.iterdir()] == ["parcels"]


def test_a_last_line_without_an_end_is_ended(tmp_path: Path) -> None:
    """Appended text begins on its own line."""
    path = spec_file(tmp_path, VALID.rstrip("\n"))
    set_in_part(path, "alerts", "champion_max_age", "30d")
    assert path.read_text(encoding="utf-8") == f"{VALID}\nalerts:\n  champion_max_age: 30d\n"


@pytest.mark.parametrize(
    ("usual", "by_hand"),
    [
        (
            "{type: simulator, rows_per_day: 100}",
            "\n    {type: simulator,\n     rows_per_day: 100}",
        ),
        ('schedule: "0 2 * * *"', "schedule: null  # by hand"),
        ("key: [delivery_id]", "key:\n  - delivery_id"),
        ("    city: category", "    city:        category"),
        ("lookback: 28d", "lookback:   '28d'   # four weeks"),
        ("{max_depth: 6}", "{ max_depth: 6 }"),
    ],
)
def test_a_layout_made_by_hand_stays(tmp_path: Path, usual: str, by_hand: str) -> None:
    """Wrapped lines, aligned values, written nulls and indentations of two kinds stay."""
    text = VALID.replace(usual, by_hand)
    assert by_hand in text
    path = spec_file(tmp_path, text)
    assert set_in_part(path, "alerts", "champion_max_age", "30d")
    assert path.read_text(encoding="utf-8") == f"{text}\nalerts:\n  champion_max_age: 30d\n"


@pytest.mark.parametrize(
    ("text", "value", "why"),
    [
        (f"{VALID}...\n", "30d", "it would be broken"),
        (VALID, "a month", "it would be broken"),
        (
            VALID.replace("  holdout: 3d\n", "  holdout: &age 3d\n")
            + "alerts: {champion_max_age: *age}\n",
            "5d",
            "it would be broken",
        ),
    ],
)
def test_what_cannot_be_set_alone_is_left(tmp_path: Path, text: str, value: str, why: str) -> None:
    """A file that would break stays as it was, and the error has the text to write by hand."""
    path = spec_file(tmp_path, text)
    with pytest.raises(TerminalError) as refused:
        set_in_part(path, "alerts", "champion_max_age", value)
    assert path.read_bytes().decode() == text
    assert why in str(refused.value)
    assert f"alerts: {{champion_max_age: {value}}}" in str(refused.value)
