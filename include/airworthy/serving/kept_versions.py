"""The last good versions of a server, on its own disk.

``<folder>/<model>/<digest>/``     the files of a version's bundle
``<folder>/<model>/traffic.json``  the last champion by the ledger, and those to go back to

Nothing here is believed by its name: a bundle is loaded only with the digest that the ledger or
`traffic.json` names, and `traffic.json` has the digest of its own content.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from airworthy.bundle import BundleFiles
from airworthy.traffic.traffic_state import ServedVersion, Traffic

log = logging.getLogger(__name__)

_RECORD = "traffic.json"
_PART = ".part-"
_OLD_PART_SECONDS = 3600.0


@dataclass(frozen=True)
class KeptTraffic:
    """A model's traffic as the server saw it last.

    Attributes:
        champion: The champion by the ledger.
        since: The time of its move, ISO 8601 in UTC.
        champion_entry: The sequence number of this move.
        former: The versions to go back to, the latest first.
    """

    champion: ServedVersion
    since: str | None
    champion_entry: int
    former: tuple[ServedVersion, ...] = ()

    def traffic(self) -> Traffic:
        """Return it as the traffic right after the champion's move."""
        return Traffic(
            champion=self.champion,
            since=self.since,
            champion_entry=self.champion_entry,
            seen=self.champion_entry,
        )


class KeptVersions:
    """The versions and the last traffic of each model in one folder. Calls block."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder's path. Nothing is read or made."""
        self._folder = folder

    def models(self) -> list[str]:
        """Return the models with a kept traffic, by name."""
        return sorted(path.parent.name for path in self._folder.glob(f"*/{_RECORD}"))

    def bundle(self, model: str, digest: str) -> Path | None:
        """Return the folder of kept files, not verified yet; None when there is none.

        Args:
            model: The model.
            digest: The digest that the files must have.
        """
        folder = self._of(model) / digest
        return folder if folder.is_dir() else None

    def is_whole(self, model: str, digest: str) -> bool:
        """Tell whether kept files are there and have their digest."""
        folder = self.bundle(model, digest)
        if folder is None:
            return False
        try:
            BundleFiles.read(folder).require_digest(digest)
        except Exception as error:
            log.error("%s: a kept version is damaged and is fetched again: %s", model, error)
            return False
        return True

    def keep(self, model: str, digest: str, source: Path) -> None:
        """Copy a version's files. They are in place when they are whole, and verified.

        Args:
            model: The model.
            digest: The digest of the version.
            source: The folder with its files.

        Raises:
            TerminalError: when the files have another digest.
            OSError: when they cannot be read or written.
        """
        files = BundleFiles.read(source)
        files.require_digest(digest)
        target = self._of(model) / digest
        part = target.with_name(f"{_PART}{digest[:16]}-{os.getpid()}")
        part.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            for name, content in files.content.items():
                _write(part / name, content)
            if target.is_dir() and not self.is_whole(model, digest):
                shutil.rmtree(target)
            if not target.is_dir():
                part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def read_traffic(self, model: str) -> KeptTraffic | None:
        """Return the kept traffic of a model; None when there is none, or it is damaged."""
        try:
            stored = json.loads((self._of(model) / _RECORD).read_text(encoding="utf-8"))
            content = stored["content"]
            if stored["sha256"] != _digest(content):
                raise ValueError("its content has another digest")
            return KeptTraffic(
                ServedVersion(**content["champion"]),
                content["since"],
                content["champion_entry"],
                tuple(ServedVersion(**each) for each in content["former"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("%s: the kept traffic cannot be read: %s", model, error)
            return None

    def write_traffic(self, model: str, traffic: KeptTraffic) -> None:
        """Keep the traffic of a model, in the place of the one before.

        Raises:
            OSError: when it cannot be written; the one before stays.
        """
        content = asdict(traffic)
        text = json.dumps({"sha256": _digest(content), "content": content})
        folder = self._of(model)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = folder / f"{_PART}{_RECORD}-{os.getpid()}"
        try:
            _write(part, text.encode())
            part.replace(folder / _RECORD)
        finally:
            part.unlink(missing_ok=True)

    def drop_others(self, model: str, digests: Collection[str]) -> None:
        """Remove the files of all other versions of a model, and what a killed process left."""
        for path in self._of(model).iterdir():
            is_part = path.name.startswith(_PART)
            if is_part and time.time() - path.stat().st_mtime < _OLD_PART_SECONDS:
                continue
            if path.is_dir() and path.name not in digests:
                shutil.rmtree(path, ignore_errors=True)
            elif is_part:
                path.unlink(missing_ok=True)

    def forget(self, model: str) -> None:
        """Remove all that is kept of a model."""
        shutil.rmtree(self._of(model), ignore_errors=True)

    def _of(self, model: str) -> Path:
        return self._folder / model


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write a file to the disk itself: it is needed after a power cut too."""
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
