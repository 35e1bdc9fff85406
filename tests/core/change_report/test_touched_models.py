"""The models that a change touches, by its paths alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airworthy.change_report.touched_models import Layout, touched_models

LAYOUT = Layout(
    project="",
    models="include/models",
    now={"eta", "late"},
    before={"eta", "late", "gone"},
    sources={"late": "data/{yyyy}/{mm}/trips_*.csv"},
)
ALL = [("eta", "changed"), ("late", "changed")]


def touched(*paths: str, layout: Layout = LAYOUT) -> list[tuple[str, str]]:
    return [(each.model, each.kind) for each in touched_models(paths, layout)]


@pytest.mark.parametrize(
    "path",
    [
        "include/models/eta/features.py",
        "include/models/eta/test_features.py",
        "include/models/eta/data/täglich.csv",
    ],
)
def test_a_file_of_a_folder_touches_its_model_alone(path: str) -> None:
    assert touched(path) == [("eta", "changed")]


@pytest.mark.parametrize(
    "path",
    [
        "include/airworthy/training/fitting.py",
        "include/models/shared.py",
        "requirements.txt",
        "requirements-core.txt",
        "uv.lock",
    ],
)
def test_what_all_models_are_made_with_touches_all_of_them(path: str) -> None:
    assert touched(path) == ALL


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "include/environments/production.yaml",
        "include/models/README.md",
        "include/models_of_others/eta/features.py",
        "include/models/eta.yaml",
        "dags/train.py",
        "plugins/airworthy_airflow/windows.py",
        "requirements-dev.txt",
        "docs/requirements.txt",
        "data/2026/trips_1.csv",
    ],
)
def test_all_else_touches_none(path: str) -> None:
    assert touched(path) == []


def test_a_file_that_a_source_reads_touches_its_model() -> None:
    [late] = touched_models(["data/2026/01/trips_7.csv"], LAYOUT)
    assert (late.model, late.data, late.own) == ("late", ("data/2026/01/trips_7.csv",), ())


def test_a_removed_model_is_named_only_by_its_own_files() -> None:
    assert touched("include/models/gone/model.yaml") == [("gone", "removed")]
    assert touched("requirements.txt") == ALL


def test_a_model_that_the_base_lacks_is_new() -> None:
    layout = replace(LAYOUT, before={"late"})
    assert touched("include/models/eta/model.yaml", layout=layout) == [("eta", "new")]


def test_a_project_below_the_repository_and_one_that_is_it() -> None:
    """Paths are the repository's, wherever the project is in it."""
    below = replace(LAYOUT, project="ml", models="ml/include/models", sources={})
    assert touched("ml/requirements.txt", layout=below) == ALL
    assert touched("requirements.txt", layout=below) == []
    assert touched("ml/include/models/eta/x.py", layout=below) == [("eta", "changed")]
    alone = replace(LAYOUT, project=None, models="", sources={})
    assert touched("eta/model.yaml", layout=alone) == [("eta", "changed")]
