"""The watch DAG: it watches a new champion, goes back from a bad one, and not a second time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .conftest import DAGS, copy_models

if TYPE_CHECKING:
    from .conftest import Parse, Scripts


def test_only_watched_models_have_a_watch_dag(parse: Parse, tmp_path: Path) -> None:
    """It is started by the champion's asset, and not paused at first. A model without a watch, and
    without a drill, costs no DAG.
    """
    copy_models(tmp_path / "models", ["plain"])
    copy_models(tmp_path / "models", ["watched"], "\nrelease: {watch: 2h, drill: '@weekly'}\n")
    dags = parse(tmp_path / "models")["dags"]
    assert {"plain__watch", "plain__rollback_drill"}.isdisjoint(dags)
    assert list(dags["watched__watch"]["tasks"]) == ["watch", "roll_back"]
    assert "Asset" in dags["watched__watch"]["schedule"]
    assert dags["watched__watch"]["documented"]
    assert list(dags["watched__rollback_drill"]["tasks"]) == ["rollback_drill"]


def test_the_dag_goes_back_from_a_bad_champion(scripts: Scripts, tmp_path: Path) -> None:
    """The second version fails its requests: the watch trips, and the same run goes back. The next
    run finds nothing to watch. The drill before went well.
    """
    copy_models(tmp_path / "models", ["lenient"], "\nrelease: {watch: 1h, drill: '@weekly'}\n")
    folder = tmp_path / "models" / "lenient"
    spec = folder / "model.yaml"
    head, rest = (
        spec.read_text(encoding="utf-8")
        .replace("lookback: 28d", "lookback: 8d")
        .split("  gates:\n")
    )
    part = rest[rest.index("\nrelease:") :]
    # Which of the versions is better is of no interest here: every one is let through.
    spec.write_text(f"{head}  gates:\n    - {{metric: rmse, max: 100}}\n{part}", encoding="utf-8")
    # These features fail on more than 65,535 days of experience. The training data have none.
    features = folder / "features.py"
    text = features.read_text(encoding="utf-8")
    features.write_text(
        text.replace(
            '": pl.col("courier_experience_days")',
            '": pl.col("courier_experience_days").cast(pl.UInt16)',
        ),
        encoding="utf-8",
    )
    state = {"AIRWORTHY_STATE": str(tmp_path / "state"), "AIRWORTHY_MODELS": str(folder.parent)}
    result = scripts.run("run_watch_dag.py", state, str(DAGS), "lenient")
    assert result["released"] == [True, True]
    assert result["drilled"] == "success"
    assert set(result["failed"]) == {400}
    assert result["watched"] == [
        {"watch": "success", "roll_back": "success"},
        {"watch": "skipped", "roll_back": "skipped"},
    ]
    assert result["champion"] == "1"
    assert "guard_trip" in result["told"]
    assert [kind for kind in result["kinds"] if kind != "alert"][-4:] == [
        "watch_trip",
        "rollback_started",
        "alias_move",
        "rollback",
    ]
    assert "rollback_drill" in result["kinds"]
