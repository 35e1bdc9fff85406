"""The manifests of an environment: the overlays of ``infra/kubernetes``, rendered by kubectl.

``infra/kubernetes/<part>/overlays/<environment>`` is one part, such as ``model_server``.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from airworthy.errors import TerminalError
from airworthy.kubernetes.kubectl import run_kubectl
from airworthy.kubernetes.kubectl_errors import said_in_short

PARTS = Path("infra", "kubernetes")
_IMAGE = re.compile(
    r"(?P<name>[^\s=@]+?)(?::(?P<tag>[A-Za-z0-9_][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def parts_of(project: Path, environment: str, named: Sequence[str] = ()) -> dict[str, Path]:
    """Return the overlays of an environment by their parts' names.

    Args:
        project: The project's folder.
        environment: The environment's name.
        named: The parts that are wanted; empty: all.

    Raises:
        TerminalError: when there is no such environment or part.
    """
    overlays = sorted((project / PARTS).glob("*/overlays/*/kustomization.yaml"))
    if not overlays:
        raise TerminalError(
            "this project has no manifests",
            received=str(project / PARTS),
            allowed="a checkout of Airworthy, or a project with its folder infra/kubernetes",
            next_step="copy infra/kubernetes from the repository into the project",
        )
    found = {each.parents[2].name: each.parent for each in overlays if _is_of(each, environment)}
    _check_named([environment], {each.parent.name for each in overlays}, "environment")
    _check_named(named, set(found), "part")
    return {name: folder for name, folder in found.items() if not named or name in named}


def _is_of(overlay: Path, environment: str) -> bool:
    return overlay.parent.name == environment


def _check_named(named: Sequence[str], known: set[str], kind: str) -> None:
    for name in named:
        if name not in known:
            raise TerminalError(
                f"there is no such {kind} in {PARTS}",
                received=name,
                allowed=", ".join(sorted(known)),
                next_step="name another one, or make its overlay",
            )


def parse_images(pairs: Sequence[str]) -> dict[str, str]:
    """Return images by the names that the manifests have, from ``NAME=IMAGE``.

    Raises:
        TerminalError: when a pair is malformed.

    >>> parse_images(["airworthy-server=registry.example.org/airworthy-server:7"])
    {'airworthy-server': 'registry.example.org/airworthy-server:7'}
    """
    images = {}
    for pair in pairs:
        name, _, image = pair.partition("=")
        match = _IMAGE.fullmatch(image)
        if not name or match is None or not (match["tag"] or match["digest"]):
            raise TerminalError(
                "this names no image",
                received=pair,
                allowed="NAME=IMAGE:TAG or NAME=IMAGE@sha256:DIGEST",
                next_step="--image airworthy-server=registry.example.org/airworthy-server:0.3.0",
            )
        images[name] = image
    return images


def render(overlay: Path, images: Mapping[str, str] | None = None) -> str:
    """Return an overlay's manifests as YAML.

    Args:
        overlay: The folder with its ``kustomization.yaml``.
        images: Other images by the names of those that the overlay has.

    Raises:
        TerminalError: when kubectl is missing, or the overlay is malformed.
    """
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        # Kustomize takes a base by a relative path alone, and knows no symbolic links on it.
        top = Path(folder).resolve()
        top.joinpath("kustomization.yaml").write_text(
            yaml.safe_dump(_kustomization(top, overlay.resolve(), images or {})), encoding="utf-8"
        )
        ended = run_kubectl(["kustomize", str(top)])
    if ended.returncode != 0:
        raise TerminalError(
            "kubectl cannot render this overlay",
            received=said_in_short(ended.stderr),
            allowed="a kustomization with all of its files",
            next_step=f"correct {overlay / 'kustomization.yaml'}",
        )
    return ended.stdout


def _kustomization(top: Path, overlay: Path, images: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(overlay, top)],
        "images": [_image(name, image) for name, image in images.items()],
    }


def _image(name: str, image: str) -> dict[str, str]:
    match = _IMAGE.fullmatch(image)
    values = match.groupdict() if match else {}
    # Kustomize keeps the overlay's tag beside a digest, unless it gets another one.
    tag = {"newTag": values["tag"]} if values.get("tag") else {}
    digest = {"digest": values["digest"]} if values.get("digest") else {}
    return {"name": name, "newName": values["name"], **(digest or tag)}


def objects_of(manifests: str) -> list[dict[str, Any]]:
    """Return the objects of rendered manifests."""
    return [each for each in yaml.safe_load_all(manifests) if each]


def in_order(texts: Sequence[str]) -> str:
    """Return the manifests of several parts as one text, namespaces first: others need them."""
    objects = [each for text in texts for each in objects_of(text)]
    objects.sort(key=lambda each: each["kind"] != "Namespace")
    text: str = yaml.safe_dump_all(objects, sort_keys=False)
    return text
