"""One loaded version: it turns a request's body into predictions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import psutil
from xgboost.core import XGBoostError

from airworthy.bundle import ModelBundle
from airworthy.category_text import json_type
from airworthy.errors import TerminalError
from airworthy.features import polars_schema
from airworthy.protocol.class_names import class_names
from airworthy.protocol.contract_check import ContractCheck, Outside
from airworthy.protocol.input_columns import InputColumn
from airworthy.protocol.invocations import parse_body
from airworthy.protocol.refusals import NotComputableError
from airworthy.server_limits import ServerLimits
from airworthy.serving.direct_predictor import DirectPredictor
from airworthy.serving.single_row_encoder import SingleRowEncoder


@dataclass(frozen=True)
class Limits:
    """Limits of one request. A body over `inline_bytes` is scored in a thread.

    A larger body (some dozens of rows) spends most of its time in Polars and XGBoost. Both let
    other threads run. Measured with eight clients and 100 rows each: a thread answers a third more
    requests, and the event loop stays free. A body over `process_bytes` is scored in another
    process; see `scoring_process`.
    """

    max_rows: int = 20_000
    max_bytes: int = 16 * 1024 * 1024
    inline_bytes: int = 4 * 1024
    process_bytes: int = 64 * 1024
    label_bytes: int = 2 * 1024 * 1024

    @classmethod
    def of(cls, limits: ServerLimits) -> Limits:
        """Return the limits of the environment's servers."""
        return cls(
            max_rows=limits.rows, max_bytes=limits.body_bytes, label_bytes=limits.label_bytes
        )


class JudgedAnswer(NamedTuple):
    """The answer to a client's request.

    Attributes:
        rows: The number of its rows.
        outside: The rows outside the version's contract, or None.
        predictions: One per row; none when `outside` has a refusal.
    """

    rows: int
    outside: Outside | None
    predictions: list[Any]


class LoadedModel:
    """A version with a verified digest and one prediction made. It is thread-safe."""

    def __init__(self, model: str, version: str, digest: str, bundle: ModelBundle) -> None:
        """Prepare the parts shared by requests.

        Args:
            model: The registered model's name.
            version: The registered version.
            digest: The bundle's verified digest.
            bundle: The loaded bundle.
        """
        self.model = model
        self.version = version
        self.digest = digest
        self.bundle = bundle
        self.since = datetime.now(UTC)
        self.load_seconds = 0.0
        self.memory_mib = 0.0
        inputs = bundle.manifest.inputs
        self._names = list(inputs)
        # The first input is the event time. A feature that reads it means nothing without it.
        self.optional = [name for name in self._names[:1] if not bundle.features.reads(name)]
        self.category_types = _category_types(bundle)
        self._columns = [
            InputColumn(
                name, kind, index > 0 or name in self.optional, self.category_types.get(name, ())
            )
            for index, (name, kind) in enumerate(inputs.items())
        ]
        self._schema = polars_schema(inputs)
        self._single = SingleRowEncoder(bundle.features, self._schema)
        self._predictor = DirectPredictor(bundle.booster)
        contract = bundle.manifest.contract
        self.contract = ContractCheck(contract, inputs, model, version) if contract else None

    @classmethod
    def load(cls, model: str, version: str, folder: Path, digest: str) -> LoadedModel:
        """Read, verify and warm up a version's bundle.

        `load_seconds` and `memory_mib` are measured for the whole process: its other work at the
        same time counts too.

        Args:
            model: The registered model's name.
            version: The registered version.
            folder: The folder with the bundle's files.
            digest: The digest recorded at registration.

        Raises:
            TerminalError: when the files differ from the registered ones, or the model cannot
                predict.
        """
        process = psutil.Process()
        started = perf_counter()
        rss_before = process.memory_info().rss
        try:
            bundle = ModelBundle.load(folder, digest)
        except (OSError, ValueError, XGBoostError) as error:
            raise TerminalError(
                f"the model files of version {version} cannot be read: {error}",
                model=model,
                received=folder,
                allowed="a whole model bundle",
                next_step="restore the files, or release another version",
            ) from error
        # Requests run in parallel. Within one, threads for a few rows cost more than they save.
        bundle.booster.set_param({"nthread": 1})
        loaded = cls(model, version, digest, bundle)
        loaded._warm_up()
        loaded.load_seconds = perf_counter() - started
        loaded.memory_mib = max(0, process.memory_info().rss - rss_before) / 2**20
        return loaded

    def predict(self, body: bytes, limits: Limits) -> list[Any]:
        """Return one prediction per row of a request's body.

        Raises:
            RefusedError: when the body is malformed. It names the fault.
        """
        return self.predict_columns(self.read(body, limits))

    def score(self, body: bytes, limits: Limits) -> JudgedAnswer:
        """Return the same as `predict_judged`. No contract is asked."""
        predictions = self.predict(body, limits)
        return JudgedAnswer(len(predictions), None, predictions)

    def predict_judged(self, body: bytes, limits: Limits) -> JudgedAnswer:
        """Return one prediction per row of a client's request, if its contract allows it.

        Raises:
            RefusedError: when the body is malformed. It names the fault.
        """
        columns = self.read(body, limits)
        outside = self.contract.outside(columns) if self.contract else None
        is_refused = outside is not None and outside.refusal is not None
        predictions = [] if is_refused else self.predict_columns(columns)
        return JudgedAnswer(len(columns[0]), outside, predictions)

    def read(self, body: bytes, limits: Limits) -> list[list[Any]]:
        """Return a request's values: one list per input, in types for Polars.

        Raises:
            RefusedError: when the body is malformed. It names the fault.
        """
        values = parse_body(body, self._names, limits.max_rows, optional=self.optional)
        return [column.read(raw) for column, raw in zip(self._columns, values, strict=True)]

    def predict_columns(self, columns: list[list[Any]]) -> list[Any]:
        """Return one prediction per row of the columns returned by `read`.

        Raises:
            NotComputableError: when the model's expressions cannot take the values.
        """
        try:
            matrix = self._matrix(columns)
            if np.isinf(matrix).any():
                self._refuse_infinite(columns, matrix)
            return self._predictor.predict(matrix)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, XGBoostError) as error:
            raise NotComputableError(
                400,
                f"the features of these rows cannot be computed: {str(error)[:300]}",
                next_step="look for values that the model's feature expressions cannot take",
            ) from error

    def class_names(self, predictions: list[Any]) -> dict[str, Any]:
        """Return the keys of an answer that name its classes; none for a number."""
        manifest = self.bundle.manifest
        return class_names(manifest.task, manifest.classes, manifest.positive, predictions)

    def _matrix(self, columns: list[list[Any]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        if len(columns[0]) == 1:
            return self._single.matrix(
                {name: values[0] for name, values in zip(self._names, columns, strict=True)}
            )
        return self.bundle.features.matrix(self._frame(columns))

    def _frame(self, columns: list[list[Any]]) -> pl.DataFrame:
        series = zip(self._schema.items(), columns, strict=True)
        return pl.DataFrame(
            [pl.Series(name, values, dtype=kind) for (name, kind), values in series]
        )

    def _refuse_infinite(
        self, columns: list[list[Any]], matrix: np.ndarray[Any, np.dtype[np.float32]]
    ) -> None:
        found = self.bundle.infinite(self._frame(columns), matrix)
        if found:
            first = min(found, key=lambda each: each.row)
            raise NotComputableError(
                400,
                f"the feature {first.name!r} is infinite (row {first.row}) where {first.received}",
                field=first.name,
                row=first.row,
                received=first.received[:300],
                allowed="inputs of which every feature is finite",
                next_step="correct the inputs, send null for an unknown one, or leave the row out",
            )

    def _warm_up(self) -> None:
        """Predict once with the bundle and once with the server's fast path.

        Libraries set up parts lazily. The first request does not pay for the set-up.

        Raises:
            TerminalError: when the version cannot predict, or the two predictions differ.
        """
        row = dict.fromkeys(self._names) | {self._names[0]: 0}
        frame = pl.from_dicts([row], schema=self._schema)
        try:
            predicted = self.bundle.predict(frame)
            direct = self._predictor.predict(self._single.matrix(row))
        except (
            pl.exceptions.PolarsError,
            pl.exceptions.PanicException,
            XGBoostError,
            ValueError,
        ) as error:
            raise TerminalError(
                f"version {self.version} cannot predict: {error}",
                model=self.model,
                next_step="train and register a new version",
            ) from error
        expected = (
            (1, len(self.bundle.manifest.classes))
            if self.bundle.manifest.task == "multiclass"
            else (1,)
        )
        if not np.array_equal(predicted, np.asarray(direct, dtype=np.float32), equal_nan=True):
            raise TerminalError(
                f"version {self.version} answers differently in the server",
                model=self.model,
                received=direct,
                allowed=predicted.tolist(),
                next_step="install the locked version of xgboost",
            )
        if np.shape(predicted) != expected:
            raise TerminalError(
                f"version {self.version} gives predictions of another shape than its task "
                f"{self.bundle.manifest.task}",
                model=self.model,
                received=np.shape(predicted),
                allowed=expected,
                next_step="train and register a new version",
            )

    def describe(self) -> dict[str, Any]:
        """Return a description of the version as JSON values: times in UTC, memory in MiB."""
        contract = self.bundle.manifest.contract
        return {
            "model": self.model,
            "version": self.version,
            "digest": self.digest,
            "since": self.since.isoformat(),
            "task": self.bundle.manifest.task,
            "inputs": self.bundle.manifest.inputs,
            "optional": self.optional,
            "category_types": self.category_types,
            "classes": self.bundle.manifest.classes,
            "positive": self.bundle.manifest.positive,
            "negative": self.bundle.manifest.negative,
            "contract": contract.model_dump(mode="json") if contract else None,
            "example": f"/models/{self.model}/example",
            "load_seconds": self.load_seconds,
            "memory_mib": self.memory_mib,
        }


def _category_types(bundle: ModelBundle) -> dict[str, list[str]]:
    """Return category -> its further JSON type: all its levels are numbers, or all are booleans."""
    types = {
        name: json_type(bundle.features.levels_of(name))
        for name, kind in bundle.manifest.inputs.items()
        if kind in ("category", "string")
    }
    return {name: [kind] for name, kind in types.items() if kind is not None}
