"""The model bundle: three files without a pickle, for predictions from raw rows.

``model.ubj``     XGBoost's own binary JSON
``features.py``   the feature expressions of the training
``bundle.json``   the input columns, the features' encodings, the task and its classes

The bundle's digest is the SHA-256 over the lines ``<sha256 of file>  <file name>``, sorted by file
name. It is recorded at a version's registration, and verified before every load. Each file is read
once: the bytes that are verified are the bytes that are loaded.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from airworthy.errors import TerminalError
from airworthy.features import Feature, FeatureSet, load_expressions
from airworthy.infinite_features import InfiniteFeature, infinite_features
from airworthy.spec.contract import Contract
from airworthy.spec.evaluate_part import Task
from airworthy.spec.fields import ColumnType

if TYPE_CHECKING:
    import xgboost

MODEL_FILE, FEATURES_FILE, MANIFEST_FILE = "model.ubj", "features.py", "bundle.json"
DIGEST_KEY = "bundle_digest"
"""The key of the digest in the ``model_config`` of a logged model; see `registry.pyfunc_model`."""
_FILES = sorted((MODEL_FILE, FEATURES_FILE, MANIFEST_FILE))


@dataclass(frozen=True)
class BundleFiles:
    """The bytes of a bundle's files, each read once.

    Attributes:
        folder: The folder that they were read from.
        content: File name -> bytes.
    """

    folder: Path
    content: Mapping[str, bytes]

    @classmethod
    def read(cls, folder: Path) -> BundleFiles:
        """Read the three files of a folder.

        Raises:
            OSError: when one is missing or cannot be read.
        """
        return cls(folder, {name: (folder / name).read_bytes() for name in _FILES})

    @property
    def digest(self) -> str:
        """The bundle's digest; the module's docstring defines it."""
        lines = [f"{hashlib.sha256(self.content[name]).hexdigest()}  {name}\n" for name in _FILES]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def require_digest(self, expected: str) -> None:
        """Compare these bytes with the digest recorded at their registration.

        Raises:
            TerminalError: when they differ.
        """
        digest = self.digest
        if digest != expected:
            raise TerminalError(
                f"the model files in {self.folder} are not those that were registered",
                received=f"digest {digest}",
                allowed=f"digest {expected}",
                next_step="restore the files, or roll back to a version whose files are whole",
            )


class Manifest(BaseModel):
    """The content of ``bundle.json``.

    Attributes:
        model: The model's name.
        task: Its task.
        inputs: The columns of a prediction with their types, in order.
        features: The encodings of the features.
        classes: The classes of a multiclass task, in the order of the probabilities.
        contract: The rules about the inputs' values. None in bundles made before there were
            contracts: the server then answers every row of the right types.
        positive: The label's value that a binary probability is of; None: true.
        negative: The label's value that means no, where the spec names it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    task: Task
    inputs: dict[str, ColumnType]
    features: list[Feature]
    classes: list[str] = []
    contract: Contract | None = None
    positive: str | None = None
    negative: str | None = None

    @model_serializer(mode="wrap")
    def _without_unused_names(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave unused names out: a bundle without them keeps its digest."""
        content: dict[str, Any] = write(self)
        for name in ("positive", "negative"):
            if content.get(name) is None:
                content.pop(name, None)
        return content


class ModelBundle:
    """A loaded bundle: raw rows in, predictions out."""

    def __init__(self, manifest: Manifest, features: FeatureSet, booster: xgboost.Booster) -> None:
        """Keep the loaded parts.

        Args:
            manifest: The content of ``bundle.json``.
            features: The feature expressions with their encodings.
            booster: The XGBoost model.
        """
        self.manifest = manifest
        self.features = features
        self.booster = booster

    @classmethod
    def load(cls, folder: Path, expected_digest: str | None = None) -> ModelBundle:
        """Load a bundle, after verifying its digest if one is given.

        Raises:
            TerminalError: when the digest differs; nothing of the bundle was run.
        """
        files = BundleFiles.read(folder)
        if expected_digest is not None:
            files.require_digest(expected_digest)
        return cls.from_files(files)

    @classmethod
    def from_files(cls, files: BundleFiles) -> ModelBundle:
        """Load a bundle from the bytes of its files. No file is opened."""
        import xgboost

        manifest = Manifest.model_validate_json(files.content[MANIFEST_FILE])
        features_file = files.folder / FEATURES_FILE
        source = files.content[FEATURES_FILE]
        expressions = load_expressions(features_file, manifest.model, source)
        booster = xgboost.Booster(model_file=bytearray(files.content[MODEL_FILE]))
        return cls(manifest, FeatureSet(expressions, manifest.features), booster)

    def predict(self, frame: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Predict raw rows.

        Args:
            frame: The columns of ``manifest.inputs``, in their declared types.

        Returns:
            Shape (rows,): the value (regression) or the positive class's probability (binary);
            shape (rows, classes): each class's probability (multiclass).
        """
        return self.predict_matrix(self.features.matrix(frame))

    def infinite(
        self, frame: pl.DataFrame, matrix: np.ndarray[Any, np.dtype[np.float32]]
    ) -> list[InfiniteFeature]:
        """Return the computed features that are infinite in some row, where the contract refuses.

        A contract refuses an infinite input by itself. Versions without a contract, and those that
        answer rows outside it, answer such rows as they always did.

        Args:
            frame: The raw rows.
            matrix: Their encoded features.
        """
        contract = self.manifest.contract
        if contract is None or contract.out_of_contract != "refuse":
            return []
        found = infinite_features(self.features, frame, matrix)
        return [each for each in found if self.features.is_computed(each.name)]

    def predict_matrix(
        self, matrix: np.ndarray[Any, np.dtype[np.float32]]
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Predict encoded features, with the columns of ``manifest.features`` in order."""
        return np.asarray(self.booster.inplace_predict(matrix), dtype=np.float32)


def write_bundle(
    folder: Path, manifest: Manifest, features_file: Path, booster: xgboost.Booster
) -> None:
    """Write the three files of a bundle.

    Args:
        folder: The bundle's folder; it is created.
        manifest: The content of ``bundle.json``.
        features_file: The model's ``features.py``.
        booster: The trained XGBoost model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(features_file, folder / FEATURES_FILE)
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    booster.save_model(folder / MODEL_FILE)


def file_digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bundle_digest(folder: Path) -> str:
    """Return the digest of a bundle's folder; the module's docstring defines it."""
    return BundleFiles.read(folder).digest
