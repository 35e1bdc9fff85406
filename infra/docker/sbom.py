"""Writes an image's bill of materials: ``python3 infra/docker/sbom.py IMAGE FOLDER``.

The image has one of its Python packages, made from its environment when it was built. The packages
of its Linux distribution and the image's labels are added. The file is CycloneDX JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

IN_IMAGE = "/opt/venv/sbom.cdx.json"
_DPKG = ("dpkg-query", "--show", "--showformat", "${Package}\t${Version}\t${Architecture}\n")


def main(image: str, folder: str) -> int:
    """Write ``FOLDER/IMAGE.cdx.json`` and say what is in it."""
    bom = json.loads(inside(image, "cat", IN_IMAGE))
    linux = [component(line) for line in inside(image, *_DPKG).splitlines()]
    bom["metadata"]["component"] = described(image)
    bom["components"] = [*bom.get("components", ()), *linux]
    path = Path(folder) / f"{image}.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bom, indent=1) + "\n", encoding="utf-8")
    print(f"{path}: {len(bom['components'])} components, {len(linux)} of them of Debian")
    return 0


def inside(image: str, *command: str) -> str:
    """Return the output of a command in the image."""
    run = ("docker", "run", "--rm", "--network", "none", "--entrypoint", command[0], image)
    return subprocess.run([*run, *command[1:]], check=True, capture_output=True, text=True).stdout


def component(line: str) -> dict[str, str]:
    """Return the component of a line of dpkg's: name, version and architecture."""
    name, version, architecture = line.split("\t")
    url = f"pkg:deb/debian/{name}@{quote(version, safe='.~')}?arch={architecture}"
    return {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}


def described(image: str) -> dict[str, Any]:
    """Return the component of the image itself: its id, and its labels as properties."""
    inspect = ("docker", "image", "inspect", image)
    [found] = json.loads(subprocess.run(inspect, check=True, capture_output=True).stdout)
    labels = found["Config"]["Labels"] or {}
    return {
        "type": "container",
        "bom-ref": image,
        "name": image,
        "version": found["Id"],
        "properties": [{"name": name, "value": labels[name]} for name in sorted(labels)],
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
