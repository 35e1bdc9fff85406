"""A killed scoring leaves whole partitions, and repeated it ends with every row once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
from tests.core.batch_scoring.conftest import OWN, ScoringEnvironment

from airworthy.handover import BatchScore, ScoringInputs, Window

SCORER = Path(__file__).with_name("killed_scorer.py")
DAYS = ("2026-05-01", "2026-05-02", "2026-05-03")
STRIDE = 47


def test_killed_at_any_step_and_repeated_it_scores_every_row_once(
    env: ScoringEnvironment, tmp_path: Path
) -> None:
    """Each run gets some steps further than the last one before it is killed; the next one goes on."""
    env.write_spec({**OWN, "window": "3d"})
    given = {
        day: env.write_day(day, rows=40, seed=seed, stops=300) for seed, day in enumerate(DAYS)
    }
    payload = env.inputs("2026-05-04", "killed")
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(payload), encoding="utf-8")
    ends: list[str] = []
    with subprocess.Popen(
        [sys.executable, str(SCORER), str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as scorer:
        assert scorer.stdin is not None
        assert scorer.stdout is not None
        while "done" not in ends:
            print(STRIDE * (len(ends) + 1), file=scorer.stdin, flush=True)
            ends.append(scorer.stdout.readline().strip())
            demand_whole_partitions(env, given)
        scorer.stdin.close()
    assert set(ends) == {"killed", "done"}
    assert len(ends) > 3
    result = env.score(payload=payload)
    assert set(result.partitions.values()) == {"unchanged"}
    assert_all_once(env, result, ScoringInputs.model_validate(payload["scoring_inputs"]), given)


def demand_whole_partitions(env: ScoringEnvironment, given: dict[str, pl.DataFrame]) -> None:
    """A partition is there with all of its rows, or not at all."""
    window = Window.model_validate({"start": f"{DAYS[0]}T00:00:00Z", "end": "2026-05-04T00:00:00Z"})
    days = dict(env.table.scan(window).group_by("partition").len().collect().iter_rows())
    assert all(days[day] == given[day].height - 1 for day in days)


def assert_all_once(
    env: ScoringEnvironment,
    result: BatchScore,
    inputs: ScoringInputs,
    given: dict[str, pl.DataFrame],
) -> None:
    """Assert that every good row is in the table once, and every other one in quarantine once.

    Args:
        env: The scoring environment.
        result: Of the last run.
        inputs: Of the run.
        given: The source's rows by day.
    """
    rows = env.table.scan(result.window).collect()
    first = [int(frame["delivery_id"][0]) for frame in given.values()]
    input_ids = [int(key) for frame in given.values() for key in frame["delivery_id"]]
    assert sorted([*rows["key_delivery_id"], *first]) == sorted(input_ids)
    assert rows["id"].is_unique().all()
    assert set(rows["model_version"]) == {inputs.version}
    refused = [int(json.loads(row)["delivery_id"]) for row in env.table.quarantine()["row"]]
    assert sorted(refused) == sorted(first)
