"""The evidence of a run: files for people and auditors, beside the lake.

``<lake>/<model>/evidence/<run>/`` has the results of validations and monitor checks, verdicts,
pages, plots, curves and the resource usage of each stage. Every machine that sees the lake sees
them. The files of a training are on its MLflow run too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from airworthy.object_store import open_store


@dataclass(frozen=True)
class Evidence:
    """The files of one run.

    Attributes:
        root: The address of the model's evidence: a folder, or ``s3://...``.
        run: The name of the run's folder in it.
    """

    root: str
    run: str

    def __str__(self) -> str:
        """Return the address of the run's folder."""
        return f"{self.root}/{self.run}"

    def address(self, name: str) -> str:
        """Return the address of a file, whether there is one or not."""
        return f"{self}/{name}"

    def write(self, name: str, content: str | bytes) -> str:
        """Write a file, in the place of an earlier one, and return its address.

        Args:
            name: The file's path in the run's folder.
            content: A text, to be encoded in UTF-8, or bytes.

        Raises:
            TerminalError: when the store refuses.
            TransientError: when it cannot be reached.
        """
        encoded = content.encode() if isinstance(content, str) else content
        open_store(self.root).write(f"{self.run}/{name}", encoded)
        return self.address(name)

    def write_json(self, name: str, value: Any) -> str:
        """Write JSON values; see `write`."""
        return self.write(name, json.dumps(value, indent=1))

    def read(self, address: str) -> bytes | None:
        """Return the content of a file of any run of the model; None when there is none.

        Raises:
            TerminalError: when the store refuses.
            TransientError: when it cannot be reached.
        """
        path = address.removeprefix(f"{self.root}/")
        stored = open_store(self.root).read(path) if path != address else None
        return None if stored is None else stored.content

    def delete(self, name: str) -> None:
        """Delete a file of the run; without one, do nothing.

        Raises:
            TerminalError: when the store refuses.
            TransientError: when it cannot be reached.
        """
        open_store(self.root).delete(f"{self.run}/{name}")
