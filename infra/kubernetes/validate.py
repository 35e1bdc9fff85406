"""Validates all overlays of infra/kubernetes offline: ``python validate.py FOLDER_OF_THE_LINTERS``.

Schemas are those of kubernetes-validate, of several versions of Kubernetes, without unknown fields.
Policies are checkov's. It needs kubectl.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from airworthy.kubernetes.manifests import objects_of, render

HERE = Path(__file__).resolve().parent
VERSIONS = ("1.33", "1.35", "1.37")
# Findings that are choices here, each with its reason.
ACCEPTED = {
    "CKV_K8S_15": "a tag is never moved here, so IfNotPresent is enough, and nodes may be offline",
    "CKV_K8S_35": "AWS, MLflow and Airworthy read secrets from variables",
    "CKV_K8S_38": "tests/kubernetes_manifests lets a pod have a token of the cluster only with a role of its own",
    "CKV_K8S_40": "images of others run as the users that they are made for; none of them is root",
    "CKV_K8S_43": "the digest is known to whoever pushes the image: airworthy apply --image",
}


def main(linters: Path) -> int:
    """Return 0 when no overlay has a finding."""
    if shutil.which("kubectl") is None and not os.environ.get("AIRWORTHY_DEMAND_KUBECTL"):
        print("kubectl is not on this machine: infra/kubernetes is not validated")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        known = [file for overlay in overlays() for file in write(overlay, Path(folder))]
        for version in VERSIONS:
            program = linters / "kubernetes-validate"
            words = ["--strict", "--quiet", "-k", version]
            if subprocess.run([program, *words, *known], check=False).returncode != 0:
                print(f"the manifests do not fit Kubernetes {version}")
                return 1
        return check_policies(linters / "checkov", Path(folder))


def overlays() -> list[Path]:
    """Return the folders of all overlays."""
    return sorted(each.parent for each in HERE.glob("*/overlays/*/kustomization.yaml"))


def write(overlay: Path, folder: Path) -> list[Path]:
    """Write an overlay's manifests into a folder. Return the file of those with a known schema."""
    name = f"{overlay.parents[1].name}_{overlay.name}"
    known: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for each in objects_of(render(overlay)):
        (known if is_of_kubernetes(each["apiVersion"]) else others).append(each)
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump_all(known), encoding="utf-8")
    if others:
        (folder / f"{name}_others.yaml").write_text(yaml.safe_dump_all(others), encoding="utf-8")
    return [file] if known else []


def is_of_kubernetes(version: str) -> bool:
    """Return whether a version such as ``apps/v1`` is of Kubernetes, and not of an operator."""
    group = version.rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def check_policies(checkov: Path, folder: Path) -> int:
    """Return checkov's exit code for the manifests of a folder. It prints findings alone."""
    words = ["--framework", "kubernetes", "--compact", "--quiet", "--skip-download"]
    skipped = ["--skip-check", ",".join(ACCEPTED)]
    ended = subprocess.run(
        [checkov, *words, *skipped, "--directory", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if ended.returncode != 0:
        print(ended.stdout, ended.stderr[-2000:], sep="\n")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
