"""Whatever goes wrong in a stage is an error with a next step, and no traceback."""

from __future__ import annotations

import builtins
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.checks.check_spec import check_spec, spec_files
from airworthy.environment import Environment
from airworthy.errors import (
    AirworthyError,
    TerminalError,
    TerminalPlaceError,
    TransientError,
    TransientPlaceError,
)
from airworthy.known_errors import known_errors
from airworthy.ledger import open_ledger
from airworthy.spec import find_specs
from airworthy.stages import run_stage

from ..stages.conftest import (  # noqa: TID252 - tests are no installed package
    FEATURES,
    LET_THROUGH,
    MakeModel,
    RunStages,
    make_model,
    run_stages,
)

__all__ = ["make_model", "run_stages"]

MODEL = "small_model"
TRAIN = {"lookback": "8d", "holdout": "2d", "rounds": 5, "parameters": {"max_depth": 4}}
_STRICT = FEATURES.replace(
    '"hour"', '"digits": pl.col("city").str.to_integer(strict=True),\n    "hour"'
)
Fault = Callable[[Path], None]


@contextmanager
def no_space() -> Iterator[None]:
    """Let no file of this process grow over two kilobytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python would leave a cut-off file behind for a module that is imported now.
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = written


def edit(root: Path, name: str, old: str, new: str) -> None:
    """Replace a text in a file of the model's folder."""
    path = root / "models" / MODEL / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def failure_of(stage: str, payload: dict[str, Any]) -> AirworthyError:
    """Return the error of a stage. It names model and stage."""
    with pytest.raises(AirworthyError) as caught:
        run_stage(stage, payload)
    error = caught.value
    assert (error.model, error.stage) == (MODEL, stage)
    assert error.next_step
    assert "Traceback" not in str(error)
    return error


def _file_as_scratch(root: Path) -> None:
    (root / "state" / "scratch").write_text("a file", encoding="utf-8")


def _strict_cast(root: Path) -> None:
    (root / "models" / MODEL / "features.py").write_text(_STRICT, encoding="utf-8")


@pytest.mark.parametrize(
    ("stage", "last", "fault", "kind", "words"),
    [
        (
            "train",
            "validate",
            _file_as_scratch,
            TerminalError,
            ["not what it should be", "scratch", "errors/train.txt"],
        ),
        (
            "train",
            "validate",
            _strict_cast,
            TerminalError,
            ["feature 'digits' cannot be computed on a row of 2026-03-12", "city:", "strict=False"],
        ),
        (
            "train",
            "validate",
            lambda root: edit(root, "model.yaml", "stops: int", "stops: float"),
            TerminalError,
            ["the spec was changed since this run's ingest", "ingest.columns.stops", "new run"],
        ),
        (
            "evaluate",
            "train",
            lambda root: edit(root, "features.py", '"km_per_stop"', '"km"'),
            TerminalError,
            ["the spec was changed since this run's train", "features.py"],
        ),
    ],
    ids=["a file as folder", "strict cast", "spec edited", "features edited"],
)
def test_a_fault_of_a_stage_is_named_with_the_way_out(
    tmp_path: Path,
    make_model: MakeModel,
    run_stages: RunStages,
    stage: str,
    last: str,
    fault: Fault,
    kind: type[AirworthyError],
    words: list[str],
) -> None:
    """Stages run up to `last`, then the fault happens, then `stage` says so."""
    make_model(MODEL, train=TRAIN, evaluate=LET_THROUGH)
    payload = run_stages(MODEL, last)
    fault(tmp_path)
    error = failure_of(stage, payload)
    assert isinstance(error, kind)
    assert [word for word in words if word not in str(error)] == []


def test_a_full_disk_may_be_tried_again(
    make_model: MakeModel,
    run_stages: RunStages,
) -> None:
    """In every stage after the ingestion; with space, the same run goes on."""
    make_model(MODEL, train=TRAIN, evaluate=LET_THROUGH)
    payload = run_stages(MODEL, "validate")
    for stage, output in (("train", "challenger"), ("evaluate", "verdict")):
        with no_space():
            assert isinstance(failure_of(stage, payload), TransientError)
        payload[output] = run_stage(stage, payload)


def test_a_spec_may_change_where_no_stage_has_used_it_yet(
    tmp_path: Path,
    make_model: MakeModel,
    run_stages: RunStages,
) -> None:
    """A person corrects an expectation or a parameter and repeats the failed task."""
    make_model(MODEL, train=TRAIN, evaluate=LET_THROUGH)
    payload = run_stages(MODEL, "ingest")
    edit(tmp_path, "model.yaml", "rounds: 5", "rounds: 6")
    edit(tmp_path, "model.yaml", "owner: tests", "owner: others")
    assert run_stage("validate", payload)["success"]


def _exceptions() -> list[type[Exception]]:
    """Every exception of Python that a text is enough for, and those of the libraries."""
    found = [each for each in vars(builtins).values() if isinstance(each, type)]
    plain = [each for each in found if issubclass(each, Exception) and _takes_text(each)]
    return [*plain, pl.exceptions.ComputeError, pl.exceptions.SchemaError]


def _takes_text(kind: type[Exception]) -> bool:
    try:
        kind("text")
    except TypeError:
        return False
    return True


class _RaisingInput(dict[str, Any]):
    """A stage's input that cannot be read."""

    def __init__(self, error: Exception) -> None:
        super().__init__(run={"model": MODEL})
        self._error = error

    def __getitem__(self, key: str) -> Any:
        raise self._error


@given(kind=st.sampled_from(_exceptions()), text=st.text(max_size=40))
def test_any_exception_is_an_error_with_model_and_stage(kind: type[Exception], text: str) -> None:
    """The type of an exception is of no importance; a subclass that nobody knows is no exception."""
    unknown: type[Exception] = type("UnknownError", (kind,), {})
    for error in (kind(text), unknown(text)):
        with pytest.raises(AirworthyError) as caught:
            run_stage("ingest", _RaisingInput(error))
        assert (caught.value.model, caught.value.stage) == (MODEL, "ingest")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_is_no_error(kind: type[BaseException]) -> None:
    """Ctrl-C and the end of a task pass as they are."""
    with pytest.raises(kind), known_errors(lambda _: None):
        raise kind


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(122, "Disk quota exceeded"), TransientPlaceError, "disk is full"),
        (OSError(30, "Read-only file system"), TransientPlaceError, "read-only"),
        (OSError(5, "Input/output error"), TransientPlaceError, "disk failed"),
        (PermissionError(13, "Permission denied"), TerminalError, "chmod"),
        (MemoryError(), TerminalPlaceError, "lookback"),
        (TimeoutError("timed out"), TransientPlaceError, "did not answer"),
        (ImportError("no module"), TerminalError, "requirements.txt"),
        (
            pl.exceptions.ComputeError("No space left on device (os error 28)"),
            TransientPlaceError,
            "disk is full",
        ),
        (pl.exceptions.ComputeError("conversion failed"), TerminalError, "rows"),
        (
            ValueError("postgresql://me:secret@db/rows"),
            TerminalError,
            "an unexpected error: ValueError: postgresql://***@db/rows",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_first_of_a_kind_has_a_sentence_of_its_own(
    error: Exception, kind: type[AirworthyError], words: str
) -> None:
    """It says whether trying again may help, and whether the place is at fault; what nobody has
    foreseen is final and is reported.
    """
    with pytest.raises(kind) as caught, known_errors(lambda _: "the/traceback.txt", model=MODEL):
        raise error
    assert words in str(caught.value)
    assert caught.value.kind == kind.kind
    assert "the/traceback.txt" in str(caught.value.next_step)


def test_one_broken_model_folder_stops_no_other(
    tmp_path: Path,
    make_model: MakeModel,
) -> None:
    """A link to nowhere, and a folder in the place of model.yaml, are named beside the others."""
    make_model(MODEL)
    models = tmp_path / "models"
    (models / "gone").symlink_to(tmp_path / "nowhere")
    (models / "swapped" / "model.yaml").mkdir(parents=True)
    checked = {path.parent.name: check_spec(path, deep=False) for path in spec_files(models)}
    assert {name: len(each.faults) for name, each in checked.items()} == {
        "gone": 1,
        MODEL: 0,
        "swapped": 1,
    }
    loaded = {each.path.parent.name: each.error is None for each in find_specs(models)}
    assert loaded == {"gone": False, MODEL: True, "swapped": False}


def test_a_ledger_is_read_without_a_place_to_write(environment: Environment) -> None:
    """A state folder that cannot be written to can be looked at: no folder and no lock is made."""
    assert open_ledger(environment, MODEL).entries() == []
    assert not environment.locks.exists()
