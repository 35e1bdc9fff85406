"""Predicting a few rows without the cost of `Booster.inplace_predict` around its own C function.

For one row, finding out what kind of data it was given takes `inplace_predict` longer than the trees do. Here the kind
is known: a C-ordered float32 matrix goes straight to ``XGBoosterPredictFromDense``, a documented part of XGBoost's C
API, with the arguments that `inplace_predict` gives it. `LoadedModel` compares the two before a version serves.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import xgboost
from xgboost import core

# One iteration range, missing is NaN: what `inplace_predict` sends for its default arguments.
_ARGUMENTS = (
    b'{"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN, '
    b'"strict_shape": false, "cache_id": 0}'
)
_MATRIX = b'{"data": [%d, true], "shape": [%d, %d], "typestr": "<f4", "version": 3}'


class DirectPredictor:
    """One booster's predictions. Safe to use from several threads: XGBoost keeps results per thread."""

    def __init__(self, booster: xgboost.Booster) -> None:
        """Keep the booster, which must not be trained any more."""
        self._booster = booster
        self._features = booster.num_features()

    def predict(self, matrix: np.ndarray[Any, np.dtype[np.float32]]) -> list[Any]:
        """Return one prediction per row: a number, or a list of the classes' probabilities.

        Args:
            matrix: Shape (rows, features), C-ordered.

        Raises:
            ValueError: when the matrix is not what the booster was trained on.
            XGBoostError: when XGBoost refuses it.
        """
        if (
            matrix.shape[1:] != (self._features,)
            or matrix.dtype != np.float32
            or not matrix.flags.c_contiguous
        ):
            raise ValueError(
                f"received {matrix.dtype} {matrix.shape}, allowed: float32 (rows, {self._features})"
            )
        values = ctypes.POINTER(ctypes.c_float)()
        shape = ctypes.POINTER(ctypes.c_uint64)()
        dimensions = ctypes.c_uint64()
        core._check_call(
            core._LIB.XGBoosterPredictFromDense(
                self._booster.handle,
                _MATRIX % (matrix.ctypes.data, *matrix.shape),
                _ARGUMENTS,
                None,
                ctypes.byref(shape),
                ctypes.byref(dimensions),
                ctypes.byref(values),
            )
        )
        # XGBoost reuses the memory at its next call from this thread: slicing copies it.
        rows = shape[0]
        if dimensions.value == 1:
            return values[:rows]
        width = shape[1]
        flat = values[: rows * width]
        return [flat[start : start + width] for start in range(0, rows * width, width)]
