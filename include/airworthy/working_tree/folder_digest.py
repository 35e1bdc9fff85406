"""The digest of a model's folder: two places with the same digest run the same model.

As a script it prints the digests of all model folders below a folder, for the label of an image.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

DIGEST_VARIABLE = "AIRWORTHY_MODEL_DIGEST"
"""A container gets the digest of its caller's model folder by this variable."""
_PARTS = {".yaml", ".yml", ".py", ".sql", ".toml"}


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 over the files of a model's folder, by their paths in it.

    Its files are the spec, the code and queries, also in folders below. Data, hidden files and texts
    for people are no part of it. A folder that is not there has the digest of an empty one.

    Raises:
        OSError: when a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(folder)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and _is_part(path, folder)]


def _is_part(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    hidden = any(part.startswith((".", "__pycache__")) for part in parts)
    return not hidden and path.suffix in _PARTS


def main(models: Path) -> str:
    """Return the begin of each model folder's digest: ``name=digest,name=digest``."""
    folders = sorted(spec.parent for spec in models.glob("*/model.yaml"))
    return ",".join(f"{folder.name}={folder_digest(folder)[:12]}" for folder in folders)


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
