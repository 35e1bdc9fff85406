"""The model bundle: everything that turns raw rows into predictions, in three files without a pickle.

``model.ubj``     XGBoost's own binary JSON
``features.py``   the feature expressions that the model was trained with
``bundle.json``   the input columns, the features' encodings, the task and its classes

The bundle's digest is the SHA-256 over the sorted lines ``<sha256 of file>  <file name>``; it is recorded when a
version is registered and verified before every load.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from airworthy.errors import TerminalError
from airworthy.features import Feature, FeatureSet, load_expressions
from airworthy.spec.evaluate_part import Task
from airworthy.spec.fields import ColumnType

if TYPE_CHECKING:
    import xgboost

MODEL_FILE, FEATURES_FILE, MANIFEST_FILE = "model.ubj", "features.py", "bundle.json"


class Manifest(BaseModel):
    """What ``bundle.json`` says. `inputs` are the columns of one prediction request, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    task: Task
    inputs: dict[str, ColumnType]
    features: list[Feature]
    classes: list[str] = []


class ModelBundle:
    """A loaded bundle: raw rows in, predictions out."""

    def __init__(self, manifest: Manifest, features: FeatureSet, booster: xgboost.Booster) -> None:
        """Put the loaded parts together."""
        self.manifest = manifest
        self.features = features
        self.booster = booster

    @classmethod
    def load(cls, folder: Path, expected_digest: str | None = None) -> ModelBundle:
        """Read a bundle, after checking its digest.

        Raises:
            TerminalError: when the digest is not the expected one; nothing of the bundle was run.
        """
        import xgboost

        if expected_digest is not None:
            verify_digest(folder, expected_digest)
        manifest = Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())
        expressions = load_expressions(folder / FEATURES_FILE, manifest.model)
        booster = xgboost.Booster(model_file=str(folder / MODEL_FILE))
        return cls(manifest, FeatureSet(expressions, manifest.features), booster)

    def predict(self, frame: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Predict raw rows.

        Args:
            frame: The columns of ``manifest.inputs``, in their declared types.

        Returns:
            Shape (rows,): the value (regression) or the positive class's probability (binary); shape
            (rows, classes): each class's probability (multiclass).
        """
        return self.predict_matrix(self.features.matrix(frame))

    def predict_matrix(
        self, matrix: np.ndarray[Any, np.dtype[np.float32]]
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Predict rows that are features already, in the order and encoding of ``manifest.features``."""
        return np.asarray(self.booster.inplace_predict(matrix), dtype=np.float32)


def write_bundle(
    folder: Path, manifest: Manifest, features_file: Path, booster: xgboost.Booster
) -> None:
    """Write the three files into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(features_file, folder / FEATURES_FILE)
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    booster.save_model(folder / MODEL_FILE)


def file_digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bundle_digest(folder: Path) -> str:
    """Return the bundle's digest, as the module's docstring defines it."""
    lines = [
        f"{file_digest(folder / name)}  {name}\n"
        for name in sorted((MODEL_FILE, FEATURES_FILE, MANIFEST_FILE))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def verify_digest(folder: Path, expected: str) -> None:
    """Compare a bundle with the digest recorded at its registration.

    Raises:
        TerminalError: when they differ.
    """
    found = bundle_digest(folder)
    if found != expected:
        raise TerminalError(
            f"the model files in {folder} are not those that were registered",
            received=f"digest {found}",
            allowed=f"digest {expected}",
            next_step="restore the files, or roll back to a version whose files are whole",
        )
