"""Two versions of a model side by side: data, code, parameters, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.model_status.model_history import VersionFigures
from airworthy.versions.version_diff import VersionDiff, compare_versions
from airworthy.versions.version_record import read_version
from airworthy_airflow.access.page_login import User
from airworthy_airflow.models_page.reading import ModelName, readable_history
from airworthy_airflow.models_page.rendering import page

router = APIRouter()


@router.get("/models/{model}/versions", response_class=HTMLResponse)
def versions(
    request: Request, user: User, model: ModelName, left: str = "", right: str = ""
) -> HTMLResponse:
    """Show two versions side by side.

    Args:
        request: The request.
        user: The user.
        model: The model's name.
        left: The first version; without it the newest champion but one, or the newest but one.
        right: The second version; without it the newest.
    """
    environment, history = readable_history(user, model)
    known = {figures.version: figures for figures in history.versions}
    chosen = _chosen(history.versions, left, right)
    unknown = [version for version in chosen if version not in known]
    if unknown:
        raise HTTPException(404, f"{model} has no version {unknown[0]}")
    difference, trouble = _difference(environment, model, chosen)
    values = {
        "model": model,
        "versions": history.versions[::-1],
        "chosen": [known[version] for version in chosen],
        "metrics": _pairs([known[version].metrics for version in chosen]),
        "parameters": _differing([known[version].parameters for version in chosen]),
        "rows": _pairs([known[version].rows for version in chosen]),
        "difference": difference,
        "trouble": trouble,
    }
    return page(request, "versions.html", values)


def _chosen(versions: Sequence[VersionFigures], left: str, right: str) -> list[str]:
    if not versions:
        return [version for version in (left, right) if version]
    newest = right or versions[-1].version
    others = [each for each in versions if each.version != newest]
    champions = [each for each in others if "champion" in each.status]
    before = (champions or others)[-1:]
    first = left or (before[0].version if before else newest)
    return [first, newest]


def _pairs(chosen: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any, Any]]:
    """Return name and both values; None: a version has none."""
    if not chosen:
        return []
    left, right = chosen
    return [(name, left.get(name), right.get(name)) for name in dict.fromkeys([*left, *right])]


def _differing(chosen: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any, Any]]:
    return [pair for pair in _pairs(chosen) if pair[1] != pair[2]]


def _difference(
    environment: Environment, model: str, chosen: Sequence[str]
) -> tuple[VersionDiff | None, str | None]:
    """Return the difference; without MLflow or the lake, the trouble in words."""
    if len(set(chosen)) < 2:
        return None, None
    try:
        left, right = (read_version(environment, model, version) for version in chosen)
        return compare_versions(environment, left, right), None
    except AirworthyError as error:
        return None, error.problem
