"""Packs what a machine needs into one file: wheel, locks, DAG files, models, environments.

``make bundle`` calls it. The same commit gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# What the wheel does not have, by its place in the release's project.
FILES = (
    "dags/*.py",
    "plugins/airworthy_plugin.py",
    "infra/airflow/airflow_local_settings.py",
    "include/environments/*.yaml",
    "include/models/**/*",
)
LOCKS = ("requirements.txt", "requirements-build.txt")


def main(arguments: list[str]) -> int:
    """Write the bundle of a wheel and a commit beside the wheel, and print its path."""
    if len(arguments) != 2 or not arguments[0].endswith(".whl"):
        print("usage: python infra/ansible/bundle.py WHEEL COMMIT", file=sys.stderr)
        return 2
    wheel = Path(arguments[0]).resolve()
    print(write_bundle(PROJECT, wheel, arguments[1]))
    return 0


def write_bundle(project: Path, wheel: Path, commit: str) -> Path:
    """Write a bundle and return its path.

    Args:
        project: The checkout.
        wheel: The wheel of this checkout.
        commit: The checkout's commit, with ``-dirty`` when files differ from it.
    """
    target = wheel.with_name(f"airworthy-{wheel.name.split('-')[1]}-{commit[:12]}.tar.gz")
    part = target.with_name(f".{target.name}.part")
    with (
        part.open("wb") as stream,
        gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in sorted(_contents(project, wheel, commit)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    part.replace(target)
    return target


def _contents(project: Path, wheel: Path, commit: str) -> Iterator[tuple[str, bytes]]:
    lock = (project / LOCKS[0]).read_bytes()
    digest = hashlib.sha256(lock).hexdigest()
    yield "release.env", f"AIRWORTHY_GIT_COMMIT={commit}\nAIRWORTHY_LOCK_DIGEST={digest}\n".encode()
    yield wheel.name, wheel.read_bytes()
    for name in LOCKS:
        yield name, (project / name).read_bytes()
    for pattern in FILES:
        for path in project.glob(pattern):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"project/{path.relative_to(project).as_posix()}", path.read_bytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
