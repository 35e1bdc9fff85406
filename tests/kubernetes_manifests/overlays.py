"""The overlays of infra/kubernetes, rendered once a session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from airworthy.kubernetes.manifests import objects_of, render

PROJECT = Path(__file__).resolve().parents[2]
OVERLAYS = sorted(
    each.parent for each in (PROJECT / "infra/kubernetes").glob("*/overlays/*/kustomization.yaml")
)
MODEL_SERVERS = [each for each in OVERLAYS if each.parents[1].name == "model_server"]
Object = Mapping[str, Any]


def name_of(overlay: Path) -> str:
    """Return the name of a test of an overlay."""
    return f"{overlay.parents[1].name}-{overlay.name}"


@lru_cache
def rendered(overlay: Path) -> str:
    """Return the manifests of an overlay."""
    return render(overlay)


def objects(overlay: Path, *kinds: str) -> list[dict[str, Any]]:
    """Return the objects of an overlay; of these kinds, if some are named."""
    return [each for each in objects_of(rendered(overlay)) if not kinds or each["kind"] in kinds]


def pods(overlay: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and template of all pods of an overlay."""
    for each in objects(overlay):
        spec = each.get("spec") or {}
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each
        elif "template" in spec:
            yield f"{each['kind']} {each['metadata']['name']}", spec["template"]


def pod_labels(overlay: Path) -> dict[str, dict[str, str]]:
    """Return the labels of all pods of an overlay."""
    return {name: template["metadata"].get("labels", {}) for name, template in pods(overlay)}


def selected(selector: Mapping[str, str], labels: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the names of what has the labels of a selector."""
    return [name for name, each in labels.items() if selector.items() <= each.items()]
