"""The quality of recent predictions: arriving labels are joined with the predictions in memory."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

from airworthy.bundle import Manifest
from airworthy.category_text import category_text, json_type
from airworthy.predictions.spool import Label
from airworthy.protocol.refusals import RefusedError, short_repr

MAX_ROWS = 50_000
# Predictions are float32: they cannot be nearer to 0 or 1 than this.
_MIN_PROBABILITY = 2.0**-23
_MAX_VALUE = 1e300
_INT64 = 2**63
_ALLOWED = {
    "regression": "a number; a whole number of at most 64 bits",
    "binary": "0, 1, false or true",
    "multiclass": "a class: text, whole number of at most 64 bits, true, false",
}


class LossMean:
    """The mean and the standard deviation of losses.

    Attributes:
        labels: The number of losses.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.labels = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, loss: float) -> None:
        """Add a loss."""
        # Welford's algorithm: plain sums of squares lose values small beside the mean.
        self.labels += 1
        deviation = loss - self._mean
        self._mean += deviation / self.labels
        self._squares += deviation * (loss - self._mean)

    @property
    def mean_loss(self) -> float | None:
        """The mean over all losses so far. None without any."""
        return self._mean if self.labels else None

    @property
    def loss_sd(self) -> float | None:
        """The losses' standard deviation. None for fewer than two."""
        return math.sqrt(self._squares / (self.labels - 1)) if self.labels > 1 else None


class PredictionQuality(LossMean):
    """The mean loss of one arm: squared error for regression, log loss for classification.

    `labels` is the number of predictions joined with their label.
    """

    def __init__(self, manifest: Manifest, max_rows: int = MAX_ROWS) -> None:
        """Keep at most `max_rows` predictions without a label: the latest ones of the version."""
        super().__init__()
        self._manifest = manifest
        self._codes: dict[str, int] = {name: code for code, name in enumerate(manifest.classes)}
        self._unlabelled: OrderedDict[str, tuple[list[Any], str]] = OrderedDict()
        self._rows = 0
        self._max_rows = max_rows

    def add_predictions(self, request_id: str, predictions: list[Any], client: str = "") -> None:
        """Keep one prediction per row until its label arrives.

        Args:
            request_id: The id of the request.
            predictions: One per row.
            client: The name of the client that got them.
        """
        kept = predictions[: self._max_rows]
        self._unlabelled[request_id] = kept, client
        self._rows += len(kept)
        while self._rows > self._max_rows:
            self._rows -= len(self._unlabelled.popitem(last=False)[1][0])

    def has_predicted(self, request_id: str) -> bool:
        """Tell whether predictions of a request are kept, with or without labels."""
        return request_id in self._unlabelled

    def client_of(self, request_id: str) -> str:
        """Return the client that got a request's answer."""
        return self._unlabelled[request_id][1]

    def join_label(self, request_id: str, row: int, label: Label) -> bool:
        """Join a label with its prediction. Tell whether the prediction was there.

        Only the first label of a prediction counts.

        Args:
            request_id: The id of the request.
            row: The row of the request, counted from 0.
            label: The true value.
        """
        return self.joined_loss(request_id, row, label) is not None

    def joined_loss(self, request_id: str, row: int, label: Label) -> float | None:
        """Join a label with its prediction, and return the loss; None: the prediction was not there.

        Args:
            request_id: The id of the request.
            row: The row of the request, counted from 0.
            label: The true value.
        """
        predictions, _ = self._unlabelled.get(request_id, ([], ""))
        prediction = predictions[row] if row < len(predictions) else None
        loss = None if prediction is None else self._loss(prediction, label)
        if loss is None or not math.isfinite(loss):
            return None
        predictions[row] = None
        self.add(loss)
        return loss

    def _loss(self, prediction: Any, label: Label) -> float | None:
        """Return the loss. None for a class unknown to the version."""
        if self._manifest.task == "regression":
            error = prediction - float(label)  # type: ignore[arg-type]
            return float(error * error)
        if self._manifest.task == "binary":
            return _log_loss(prediction if label else 1.0 - prediction)
        code = self._codes.get(category_text(label)) if label is not None else None
        if code is None:
            code = self._codes.get(str(label))
        return None if code is None else _log_loss(prediction[code])


def _log_loss(probability: float) -> float:
    return -math.log(min(max(probability, _MIN_PROBABILITY), 1.0))


def _is_whole(label: Any) -> bool:
    # A larger one can be written neither to the log nor to the lake.
    return type(label) is int and -_INT64 <= label < _INT64


def meant_label(manifest: Manifest, label: Any) -> Any:
    """Return the label of a binary task by its own names as a boolean; others as they are.

    Args:
        manifest: The champion's manifest.
        label: The received value.
    """
    if manifest.positive is None or type(label) not in (str, int, float):
        return label
    names = {category_text(manifest.positive): True}
    if manifest.negative is not None:
        names[category_text(manifest.negative)] = False
    # A label of 1 and 2 is not that of 0 and 1: a number that is no name is refused.
    numeric = any(json_type([name]) == "number" for name in names)
    text = category_text(label)
    return names[text] if text in names else (str(label) if numeric else label)


def check_label(manifest: Manifest, label: Any, index: int) -> None:
    """Refuse a value other than a label of the task.

    Args:
        manifest: The champion's manifest.
        label: The received value.
        index: Its index in the request, counted from 0.

    Raises:
        RefusedError: 400. It names the label.
    """
    valid: bool
    if manifest.task == "regression":
        valid = _is_whole(label) or (type(label) is float and -_MAX_VALUE < label < _MAX_VALUE)
    elif manifest.task == "binary":
        valid = type(label) in (int, float, bool) and label in (0, 1)
    else:
        valid = type(label) in (str, bool) or _is_whole(label)
    if not valid:
        field = f"labels.{index}.label"
        named = [name for name in (manifest.positive, manifest.negative) if name is not None]
        allowed = ", ".join([_ALLOWED[manifest.task], *map(repr, named)])
        received = short_repr(label)
        raise RefusedError(
            400,
            f"{field}: received {received}, allowed: {allowed}",
            field=field,
            row=index,
            received=received,
            allowed=allowed,
        )
