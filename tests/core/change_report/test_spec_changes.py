"""The change of a model's folder in words: keys, gates, files."""

from __future__ import annotations

from pathlib import Path

from airworthy.change_report.spec_changes import file_diffs, key_changes


def test_one_more_gate_is_one_change_that_judges() -> None:
    rmse, r2 = {"metric": "rmse", "max": 6.0}, {"metric": "r2", "min": 0.5}
    before = {"evaluate": {"gates": [rmse]}, "owner": "a"}
    [change] = key_changes(before, {"evaluate": {"gates": [rmse, r2]}, "owner": "a"})
    assert (change.key, change.before, change.judges) == ("evaluate.gates[]", None, True)
    assert change.after == '{"metric": "r2", "min": 0.5}'


def test_a_key_that_came_went_or_changed_its_kind() -> None:
    changes = key_changes({"train": {"rounds": 5}, "end": "2026-01-01"}, {"train": [1, 2]})
    found = [(each.key, each.before, each.after, each.judges) for each in changes]
    assert found == [
        ("train.rounds", "5", None, False),
        ("end", '"2026-01-01"', None, True),
        ("train", None, "[1, 2]", False),
    ]


def test_files_that_differ_with_their_lines(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    (before / "same").mkdir(parents=True)
    (after / "same").mkdir(parents=True)
    for folder in (before, after):
        (folder / "same" / "same.txt").write_text("x", encoding="utf-8")
    (before / "gone.py").write_text("A = 1\n", encoding="utf-8")
    (after / "picture.png").write_bytes(b"\x89PNG\0")
    (after / "latin.csv").write_bytes("größe".encode("latin-1"))
    diffs = {each.name: each.diff for each in file_diffs(before, after)}
    assert diffs["picture.png"] is None
    assert diffs["latin.csv"] is None
    assert "-A = 1" in (diffs["gone.py"] or "")
    assert set(diffs) == {"gone.py", "latin.csv", "picture.png"}
    assert not file_diffs(tmp_path / "nothing", tmp_path / "neither")
