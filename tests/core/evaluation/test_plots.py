"""The picture shows each task's errors as they are: its curves, counts and shares are those of the
rows.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.core.stages.conftest import small_spec

from airworthy.evaluation.holdout import ScoredHoldout
from airworthy.evaluation.plots import draw
from airworthy.evaluation.task_metrics import confusion, measure
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import Task

ROWS = 600
IMPORTANCE = {"distance_km": 0.7, "city": 0.3, "stops": 0.0}
CLASSES = {"regression": [], "binary": ["0", "1"], "multiclass": ["bike", "scooter", "van"]}
LABEL = {"regression": "minutes", "binary": "late", "multiclass": "vehicle"}
METRIC = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}


def spec_of(task: Task) -> ModelSpec:
    """A spec of the task."""
    spec = small_spec("small_model", task=task)
    spec["ingest"]["label"] = LABEL[task]
    spec["evaluate"] = {"decision_threshold": 0.4, "gates": [{"metric": METRIC[task], "max": 100}]}
    return ModelSpec.model_validate(spec)


def scored(task: Task, labels: np.ndarray[Any, Any] | None = None) -> ScoredHoldout:
    """Return scores of a fair challenger, and of a weaker champion."""
    random = np.random.default_rng(5)
    if labels is None:
        labels = (
            random.normal(30, 9, ROWS)
            if task == "regression"
            else random.integers(len(CLASSES[task]), size=ROWS)
        )

    def answers(knows: float) -> np.ndarray[Any, Any]:
        if task == "regression":
            return np.asarray(labels + random.normal(0, 1 / knows, ROWS))
        scores = random.normal(0, 1, (ROWS, len(CLASSES[task])))
        scores[np.arange(ROWS), labels.astype(int)] += knows
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return np.asarray(shares[:, 1] if task == "binary" else shares)

    predictions = {"challenger": answers(1.5), "champion": answers(0.5)}
    return ScoredHoldout(
        labels.astype(float),
        predictions,
        pl.DataFrame(),
        CLASSES[task],
        pl.DataFrame(),
        np.zeros(ROWS),
    )


def panels(task: Task, rows: ScoredHoldout) -> dict[str, Any]:
    """Return title -> panel, of a picture fit for writing."""
    figure = draw(spec_of(task), rows, IMPORTANCE, CLASSES[task])
    figure.savefig(io.BytesIO(), format="png")
    return {axes.get_title(): axes for axes in figure.axes}


def lines(axes: Any) -> dict[str, Any]:
    """Label -> line, without the diagonal."""
    return {
        line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")
    }


def test_a_regression_shows_its_residuals() -> None:
    """All rows are in each model's residuals, however far out; the scattered points are label and
    prediction.
    """
    rows = scored("regression")
    rows.predictions["champion"][0] += 1000.0
    picture = panels("regression", rows)
    assert list(picture) == [
        "predicted and actual",
        "residuals",
        "residual by prediction",
        "importance",
    ]
    points = picture["predicted and actual"].get_lines()[0]
    assert points.get_xdata() == pytest.approx(rows.labels)
    assert points.get_ydata() == pytest.approx(rows.predictions["challenger"])
    for steps in picture["residuals"].patches:
        # A step's outline walks up and down around each bin; every other corner is a bin's height.
        assert steps.get_xy()[1:121:2, 1].sum() == ROWS
    assert {text.get_text() for text in picture["residuals"].get_legend().get_texts()} == {
        "challenger",
        "champion",
    }
    residual = picture["residual by prediction"].get_lines()[0].get_ydata()
    assert residual == pytest.approx(rows.labels - rows.predictions["challenger"])


def test_a_binary_task_shows_both_models_curves() -> None:
    """The area below a drawn ROC curve is the metric; calibrated shares are of tenths of the rows."""
    rows = scored("binary")
    picture = panels("binary", rows)
    assert list(picture)[:3] == ["ROC", "precision by recall", "calibration"]
    drawn = lines(picture["ROC"])
    for role, line in zip(("challenger", "champion"), drawn.values(), strict=True):
        area = measure("binary", rows.labels, rows.predictions[role])["auc"]
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(area)
        assert f"{role}: AUC {area:.3f}" in drawn
    observed = lines(picture["calibration"])
    assert len(observed) == 2
    share = next(iter(observed.values())).get_ydata()
    assert len(share) == 10
    assert share.mean() == pytest.approx(rows.labels.mean())
    precision = next(iter(lines(picture["precision by recall"]).values()))
    assert precision.get_ydata()[0] == pytest.approx(rows.labels.mean(), abs=0.01)
    heights = [patch.get_height() for patch in picture["probabilities by what came true"].patches]
    assert sum(heights) == ROWS


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_confusion_matrix_counts_every_row(task: Task) -> None:
    """The cells hold the matrix at the spec's threshold."""
    rows = scored(task)
    title = {
        "binary": "confusion matrix of late, positive from 0.4",
        "multiclass": "confusion matrix of vehicle",
    }[task]
    cells = panels(task, rows)[title].texts
    matrix = confusion(rows.labels, rows.predictions["challenger"], 0.4, len(CLASSES[task]))
    assert [int(cell.get_text()) for cell in cells] == matrix.ravel().tolist()
    assert matrix.sum() == ROWS


def test_a_multiclass_task_shows_each_class_against_all_others() -> None:
    """The mean of the drawn classes' areas is the metric; a class without rows has no curve."""
    rows = scored("multiclass")
    names = [
        "ROC, each class against all others",
        "precision by recall, each class against all others",
        "calibration",
    ]
    picture = panels("multiclass", rows)
    assert list(picture)[:3] == names
    drawn = lines(picture[names[0]])
    assert [label.split(":")[0] for label in drawn] == CLASSES["multiclass"]
    areas = [np.trapezoid(line.get_ydata(), line.get_xdata()) for line in drawn.values()]
    auc = measure("multiclass", rows.labels, rows.predictions["challenger"])["auc"]
    assert np.mean(areas) == pytest.approx(auc)
    fewer = panels("multiclass", scored("multiclass", np.arange(ROWS) % 2))
    for name in names:
        assert [label.split(":")[0] for label in lines(fewer[name])] == ["bike", "scooter"]


def test_rows_of_one_class_say_why_there_is_no_curve() -> None:
    """A quiet holdout without a single positive is drawn all the same."""
    picture = panels("binary", scored("binary", np.zeros(ROWS)))
    for name in ("ROC", "precision by recall", "calibration"):
        assert [text.get_text() for text in picture[name].texts] == [
            "not defined: all rows are of one class"
        ]
        assert lines(picture[name]) == {}


def test_importance_is_named_and_in_order() -> None:
    """Bars grow upwards to the most important feature; only the 15 largest of many are drawn, and
    it says so.
    """
    axes = panels("regression", scored("regression"))["importance"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["stops", "city", "distance_km"]
    assert [bar.get_width() for bar in axes.patches] == [0.0, 0.3, 0.7]
    many = {f"feature_{number}": number / 190 for number in range(20)}
    figure = draw(spec_of("regression"), scored("regression"), many, [])
    assert figure.axes[-1].get_title() == "importance, the 15 largest"
    assert len(figure.axes[-1].patches) == 15
