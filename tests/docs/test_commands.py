"""The cheap commands of the pages, run as they stand on one small model that was trained twice."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import load_environment
from airworthy.lake import open_lake

from .pages import PROJECT, Block, blocks_for

MODEL, DAYS = "delivery_eta", ("2026-11-20", "2026-11-21")
HERE = "tests/docs/test_commands.py::test_the_commands_of_a_page_run_as_they_stand"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with the shipped `delivery_eta`, with few rows, trained as of two days."""
    folder = tmp_path_factory.mktemp("project")
    models = folder / "include" / "models"
    shutil.copytree(PROJECT / "include" / "models" / MODEL, models / MODEL)
    path = models / MODEL / "model.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["ingest"]["source"]["rows_per_day"] = 300
    spec["train"].update(lookback="14d", rounds=50)
    spec["evaluate"]["gates"] = [{"metric": "rmse", "max": 1000.0}]
    spec["evaluate"]["waive"] = [
        {"gate": gate, "because": "which version is better is of no interest here"}
        for gate in ("champion", "baseline", "slices")
    ]
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_PROJECT", str(folder))
        patch.setenv("AIRWORTHY_STATE", str(folder / "state"))
        patch.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
        patch.chdir(folder)
        for day in DAYS:
            typed(f"airworthy run {MODEL} --as-of {day}")
        yield folder


def typed(command: str) -> str:
    """Run a command of a page; return its output."""
    words = shlex.split(command, comments=True)
    assert words[0] == "airworthy"
    done = CliRunner().invoke(app, words[1:])
    assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"
    return done.output


@pytest.mark.parametrize("block", blocks_for(HERE), ids=str)
def test_the_commands_of_a_page_run_as_they_stand(project: Path, block: Block) -> None:
    """Each ends with 0; a file that a page names is one of raw rows."""
    _write_rows(project / "rows.csv")
    assert "".join(map(typed, block.commands)).strip()


def test_make_test_is_what_runs_these_tests() -> None:
    """README's second command is the Makefile's target that runs every test."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert "\ntest: $(STAMP) lint" in makefile
    assert makefile.split("\ntest: ")[1].split("\n")[1].strip() == "@$(PYTEST)"


def _write_rows(path: Path) -> None:
    """Write the rows of the lake's newest day as a file of the model's inputs."""
    lake = open_lake(load_environment(), MODEL)
    _, newest = max(lake.partitions().items())
    rows = lake.current_rows(newest)
    assert rows is not None
    rows.write_csv(path)
