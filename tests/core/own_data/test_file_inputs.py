"""Files in the forms that people have come in as they are, or not at all."""

from __future__ import annotations

from pathlib import Path

from tests.core.own_data.world import ingest_window, model_folder, write_model

MANY = "at,id,city,minutes\n2026-01-01 05:00,1,rome,1\n2026-01-03 06:00,2,oslo,2.5\n"


def test_a_plain_file_comes_in_as_it_is(tmp_path: Path) -> None:
    """The default form is RFC 4180 in UTF-8."""
    (model_folder(tmp_path) / "all.csv").write_text(MANY)
    outcome = ingest_window(write_model(tmp_path, source={"path": "all.csv"}))
    assert outcome.error is None
    assert outcome.rows.select("id", "city", "minutes").rows() == [
        (1, "rome", 1.0),
        (2, "oslo", 2.5),
    ]
