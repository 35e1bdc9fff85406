"""The Tab key: models, versions and aliases, from this machine's disk, without heavy imports."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove
from airworthy.registry.registry import open_registry

from .test_main import HEAVY


def completed(*words: str) -> list[str]:
    """Return what bash shows for the last of the words, which may be empty."""
    variables = {
        **os.environ,
        "_AIRWORTHY_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("airworthy", *words)),
        "COMP_CWORD": str(len(words)),
    }
    program = [str(sys.executable), "-c", _PROGRAM]
    done = subprocess.run(program, env=variables, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert not set(done.stderr.split()).intersection(HEAVY), "a heavy package was imported"
    return done.stdout.split()


_PROGRAM = """
import atexit, sys
sys.argv = ["airworthy"]
from airworthy.cli.main import main
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
main()
"""


@pytest.fixture
def fares(environment: Environment) -> Environment:
    """A model with two versions; the first one is champion."""
    client = open_registry(environment).client
    client.create_registered_model("fares")
    for _ in range(2):
        client.create_model_version("fares", source="file:///nowhere")
    client.set_registered_model_alias("fares", "champion", "1")
    open_ledger(environment, "fares").append(AliasMove(to="1"), run_id="r", who="tests")
    return environment


def test_models_versions_and_aliases_are_completed(fares: Environment) -> None:
    """A model has a folder, or a ledger; versions are those of the model that was named before."""
    assert completed("ledger", "far") == ["fares"]
    assert {"delivery_eta", "fares"} <= set(completed("run", ""))
    assert completed("release", "fares", "") == ["2", "1"]
    assert completed("show", "fares/") == ["fares/2", "fares/1"]
    assert completed("lineage", "far") == ["fares@champion", "fares/2", "fares/1"]
    assert completed("release", "nobody", "") == []


def test_a_fault_completes_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken environment, or a registry that is not there, is told by the command itself."""
    monkeypatch.setenv("AIRWORTHY_ENV", "moon")
    assert completed("run", "") == []
