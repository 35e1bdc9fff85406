"""An explanation is of the answer itself: the same row, the same files, the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xgboost

from airworthy.bundle import Manifest, ModelBundle, write_bundle
from airworthy.checks.boosting import OBJECTIVES
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.explanations.contributions import LINKS, answers_of_sums, contributions
from airworthy.explanations.explain import Explanation, explain
from airworthy.explanations.explanation_lines import explanation_lines
from airworthy.explanations.find_answer import find_answer
from airworthy.features import Feature
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Registration
from airworthy.predictions.collect import Collector
from airworthy.predictions.prediction_ids import new_request_id
from airworthy.predictions.spool import open_prediction_log
from airworthy.release.server_client import split_body
from airworthy.serving.loaded_model import Limits, LoadedModel
from airworthy.spec.evaluate_part import Task

from ...repetitions import repetitions  # noqa: TID252 - tests are no installed package
from ..serving.conftest import FolderRegistry, make_rows  # noqa: TID252

TASKS: tuple[Task, ...] = ("regression", "binary", "multiclass")
ROWS, AT_ONCE = repetitions(40, 1000), 20


@pytest.fixture
def version(tmp_path: Path, environment: Environment, task: Task) -> LoadedModel:
    """A version of a task, loaded; the ledger names its files."""
    (tmp_path / "registry").mkdir()
    registry = FolderRegistry(tmp_path / "registry")
    registry.add("eta", "1", task)
    folder, digest = registry.bundle("eta", "1")
    open_ledger(environment, "eta").append(
        Registration(version="1", bundle_digest=digest), run_id="run", who="tests"
    )
    return LoadedModel.load("eta", "1", folder, digest)


def answered(environment: Environment, version: LoadedModel, rows: int = ROWS) -> list[str]:
    """Answer and log requests of some rows each; returns the ids of their predictions."""
    log, ids = open_prediction_log(environment), []
    for part in make_rows(rows, seed=7).iter_slices(AT_ONCE):
        body, request = split_body(part), new_request_id()
        answers = version.predict(body, Limits())
        log.record(request, "eta", "1", "champion", "k", body, answers, version.bundle.manifest)
        ids += [f"{request}:{row}" for row in range(part.height)]
    log.close()
    return ids


def explained(environment: Environment, version: LoadedModel, ids: list[str]) -> list[Explanation]:
    """Find and explain predictions."""
    return [explain(version, find_answer(environment, ["eta"], each)) for each in ids]


@pytest.mark.parametrize("task", TASKS)
def test_each_logged_answer_is_computed_again_and_is_the_sum_of_its_parts(
    environment: Environment, version: LoadedModel
) -> None:
    """From the spool and from the lake: bit for bit the same answer, and sums to 1e-5."""
    ids = answered(environment, version)
    in_spool = explained(environment, version, ids[::3])
    Collector(environment).collect("eta")
    in_lake = explained(environment, version, ids)
    assert [each.answer.row for each in in_spool] == [each.answer.row for each in in_lake[::3]]
    assert [each.is_same for each in [*in_spool, *in_lake]] == [True] * len([*in_spool, *in_lake])
    sums = np.array([each.answer_of_sum for each in in_lake])
    assert np.abs(sums - np.array([each.answer.value for each in in_lake])).max() < 1e-5 * max(
        1.0, np.abs(sums).max()
    )
    lines = explanation_lines(in_lake[0])
    assert "recomputed  the same, bit for bit" in lines
    assert any(line.startswith("distance_km ") for line in lines)


@pytest.mark.parametrize("task", ["binary"])
def test_another_answer_is_said_to_be_another(
    environment: Environment, version: LoadedModel
) -> None:
    """A row or an answer that was changed in the log does not pass for an explained one."""
    log, row = open_prediction_log(environment), make_rows(1)
    request = new_request_id()
    log.record(
        request, "eta", "1", "champion", "k", split_body(row), [0.25], version.bundle.manifest
    )
    log.close()
    [explanation] = explained(environment, version, [request])
    assert not explanation.is_same
    assert "bit for bit" not in "\n".join(explanation_lines(explanation))


@pytest.mark.parametrize("task", ["regression"])
@pytest.mark.parametrize("text", ["0", "nothing:7", "0:x", "", "01J0:٣"])
def test_an_id_that_nothing_has_is_refused(
    environment: Environment, version: LoadedModel, text: str
) -> None:
    """The error says where ids are found."""
    answered(environment, version, 1)
    with pytest.raises(TerminalError, match="no prediction has this id"):
        find_answer(environment, ["eta"], text)


@pytest.mark.parametrize(
    ("task", "objective"), [(task, each) for task in TASKS for each in OBJECTIVES[task]]
)
@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_every_objective_of_a_spec_has_its_link(
    tmp_path: Path, task: Task, objective: str, booster: str
) -> None:
    """For each objective, contributions and link give XGBoost's own answer."""
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(300, 3)).astype(np.float32)
    matrix[::7, 1] = np.nan
    labels = rng.integers(2, size=300) if task == "binary" else rng.integers(3, size=300)
    parameters = {"objective": objective, "booster": booster, "nthread": 1}
    parameters |= {"num_class": 3} if task == "multiclass" else {}
    parameters |= {"quantile_alpha": 0.7} if objective == "reg:quantileerror" else {}
    names = ["a", "b", "c"]
    positive = labels + (0.5 if objective == "reg:gamma" else 0.0)
    data = xgboost.DMatrix(matrix, positive, feature_names=names)
    booster_ = xgboost.train(parameters, data, 8)
    source = tmp_path / "features.py"
    source.write_text(
        "import polars as pl\nFEATURES = {name: pl.col(name) for name in 'abc'}\n", encoding="utf-8"
    )
    manifest = Manifest(
        model="eta",
        task=task,
        inputs=dict.fromkeys(names, "float"),
        features=[Feature(name=name, kind="number") for name in names],
        classes=["x", "y", "z"] if task == "multiclass" else [],
    )
    write_bundle(tmp_path / "bundle", manifest, source, booster_)
    bundle = ModelBundle.load(tmp_path / "bundle")
    rows = bundle.features.matrix(pl.DataFrame(matrix, schema=names).cast(pl.Float64))
    sums = answers_of_sums(bundle, contributions(bundle, rows))
    assert np.allclose(sums, bundle.predict_matrix(rows), rtol=1e-5, atol=1e-5)
    assert set(LINKS) == {each for one in OBJECTIVES.values() for each in one}
