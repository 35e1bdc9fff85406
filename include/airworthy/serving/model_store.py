"""The loaded versions of a server: one champion per model, and candidates beside it.

All of this runs on the server's event loop. A switch is one assignment, so no request sees it half
done. A request keeps the version it began with.
"""

from __future__ import annotations

from typing import Any

from airworthy.protocol.refusals import RefusedError
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.server_metrics import ServerMetrics


class ModelStore:
    """Loaded versions by model."""

    def __init__(self, metrics: ServerMetrics) -> None:
        """Start empty."""
        self._metrics = metrics
        self._champions: dict[str, LoadedModel] = {}
        self._candidates: dict[tuple[str, str], LoadedModel] = {}

    @property
    def models(self) -> list[str]:
        """The models with a loaded champion."""
        return sorted(self._champions)

    @property
    def champions(self) -> list[LoadedModel]:
        """The champions, sorted by model."""
        return [self._champions[model] for model in self.models]

    def champion(self, model: str) -> LoadedModel | None:
        """Return the champion, if it is loaded."""
        return self._champions.get(model)

    def candidate(self, model: str, version: str) -> LoadedModel | None:
        """Return a candidate, if it is loaded."""
        return self._candidates.get((model, version))

    def candidates(self, model: str) -> list[LoadedModel]:
        """Return the versions of a model loaded beside its champion."""
        return [loaded for (name, _), loaded in self._candidates.items() if name == model]

    def describe(self, model: str) -> dict[str, Any]:
        """Return a description of a model's champion and candidates as JSON values."""
        versions = [loaded.version for loaded in self.candidates(model)]
        return self._champions[model].describe() | {"candidates": versions}

    def find(self, model: str, version: str, digest: str | None) -> LoadedModel | None:
        """Return a loaded version, candidate or champion; with a digest, only these files.

        Args:
            model: The model's name.
            version: The version.
            digest: The digest of its files, or None.
        """
        for loaded in (self.candidate(model, version), self.champion(model)):
            if loaded and loaded.version == version and digest in (None, loaded.digest):
                return loaded
        return None

    def loaded_version(self, model: str, version: str) -> LoadedModel:
        """Return a loaded version, candidate or champion.

        Raises:
            RefusedError: 404, when it is not loaded.
        """
        loaded = self.find(model, version, None)
        if loaded is None:
            versions = [each.version for each in self.candidates(model)]
            raise RefusedError(
                404,
                f"{model}: version {version} is not loaded",
                received=version,
                allowed=", ".join(versions) or "no candidate is loaded",
                next_step=f"airworthy ledger {model}: servers load what an entry names",
            )
        return loaded

    def add_candidate(self, loaded: LoadedModel) -> None:
        """Keep a version beside the champion, in the place of one with the same number."""
        self.drop_candidate(loaded.model, loaded.version)
        self._candidates[loaded.model, loaded.version] = loaded
        self._metrics.add_version(loaded, "candidate")

    def drop_candidate(self, model: str, version: str) -> None:
        """Unload a candidate, if it is loaded."""
        dropped = self._candidates.pop((model, version), None)
        if dropped is not None:
            self._metrics.remove_version(dropped, "candidate")

    def drop_champion(self, model: str) -> None:
        """Unload a retired model's champion, if it is loaded."""
        dropped = self._champions.pop(model, None)
        if dropped is not None:
            self._metrics.remove_version(dropped, "champion")

    def set_champion(self, loaded: LoadedModel) -> LoadedModel | None:
        """Give all traffic to a version; return the previous champion.

        Running requests finish on the version they began with.
        """
        previous = self._champions.get(loaded.model)
        if self.candidate(loaded.model, loaded.version) is loaded:
            self.drop_candidate(loaded.model, loaded.version)
        self._champions[loaded.model] = loaded
        self._metrics.add_version(loaded, "champion")
        if previous is not None:
            self._metrics.remove_version(previous, "champion")
            self._metrics.record_swap(loaded.model)
        return previous
