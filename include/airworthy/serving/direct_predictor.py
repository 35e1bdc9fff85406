"""Predicts a few rows without the cost of `Booster.inplace_predict` around its own C function.

For one row, `inplace_predict` spends more time on finding the type of its data than on the trees.
Here the type is fixed. A C-ordered float32 matrix goes straight to ``XGBoosterPredictFromDense``, a
documented part of XGBoost's C API, with the arguments of `inplace_predict`. `LoadedModel` compares
the two before a version serves.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import xgboost
from xgboost import core

# `inplace_predict` sends this for its default arguments: all iterations, NaN is missing.
_ARGUMENTS = (
    b'{"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN, '
    b'"strict_shape": false, "cache_id": 0}'
)
_MATRIX = b'{"data": [%d, true], "shape": [%d, %d], "typestr": "<f4", "version": 3}'


class DirectPredictor:
    """One booster's predictions. It is thread-safe: XGBoost keeps results per thread."""

    def __init__(self, booster: xgboost.Booster) -> None:
        """Keep the booster. It must not be trained any more."""
        self._booster = booster
        self._features = booster.num_features()

    def predict(self, matrix: np.ndarray[Any, np.dtype[np.float32]]) -> list[Any]:
        """Return one prediction per row: a number, or a list of the classes' probabilities.

        Args:
            matrix: Shape (rows, features), C-ordered.

        Raises:
            ValueError: when the matrix has another shape, type or order.
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
        # XGBoost reuses this memory at the thread's next call. Slicing copies it.
        rows = shape[0]
        if dimensions.value == 1:
            return values[:rows]
        width = shape[1]
        flat = values[: rows * width]
        return [flat[start : start + width] for start in range(0, rows * width, width)]
