"""Anchors that can be read again: a folder, and a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from airworthy.anchors.head import SignedHead
from airworthy.object_store import open_store


class FolderOfHeads:
    """A folder with one file for each model. Lines are only ever added, each by one write."""

    def __init__(self, path: str) -> None:
        """Keep the path. Nothing is made yet."""
        self._folder = Path(path)

    def keep(self, model: str, sequence: int, signed: SignedHead) -> None:  # noqa: ARG002 - protocol
        """Append a line. See `Anchor.keep`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self._file(model), flags, 0o600)
        try:
            # The break before the line ends one that a crash cut off.
            os.write(descriptor, f"\n{signed.line}\n".encode())
        finally:
            os.close(descriptor)

    def lines(self, model: str) -> Iterator[str]:
        """Yield the file's lines. See `Anchor.lines`."""
        try:
            text = self._file(model).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        yield from text.split("\n")

    def _file(self, model: str) -> Path:
        return self._folder / f"{model}.jsonl"


class BucketOfHeads:
    """An address with one object for each head, which is never written again."""

    def __init__(self, uri: str) -> None:
        """Keep the address. Nothing is made yet."""
        self._store = open_store(uri)

    def keep(self, model: str, sequence: int, signed: SignedHead) -> None:
        """Write an object. See `Anchor.keep`."""
        path = f"{model}/{sequence:012d}-{signed.id}.json"
        self._store.write_if_absent(path, signed.line.encode())

    def lines(self, model: str) -> Iterator[str]:
        """Yield the content of every object. See `Anchor.lines`."""
        paths = [each.path for each in self._store.list(model) if each.path.endswith(".json")]
        for stored in self._store.read_all(paths):
            if stored is not None:
                yield stored.content.decode(errors="replace")
