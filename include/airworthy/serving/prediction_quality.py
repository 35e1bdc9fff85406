"""How good recent predictions were: labels that arrive are joined with the predictions that are still in memory."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

from airworthy.bundle import Manifest
from airworthy.predictions.spool import Label
from airworthy.protocol.refusals import RefusedError, shown

MOST_ROWS = 50_000
# Predictions are float32: nearer to 0 or 1 than this they cannot tell.
_LEAST = 2.0**-23
_MOST = 1e300
_ALLOWED = {
    "regression": "a number",
    "binary": "0, 1, false or true",
    "multiclass": "a class: text, number, true, false",
}


class Quality:
    """The mean loss of one arm: squared error for regression, log loss for classification.

    Attributes:
        labels: How many predictions have been joined with their label.
    """

    def __init__(self, manifest: Manifest, most_rows: int = MOST_ROWS) -> None:
        """Remember at most `most_rows` predictions of a version that still wait for their label, the latest ones."""
        self.labels = 0
        self._mean = 0.0
        self._squares = 0.0
        self._manifest = manifest
        self._codes: dict[str, int] = {name: code for code, name in enumerate(manifest.classes)}
        self._waiting: OrderedDict[str, list[Any]] = OrderedDict()
        self._rows = 0
        self._most_rows = most_rows

    @property
    def mean_loss(self) -> float | None:
        """The mean over all labels so far; None without any."""
        return self._mean if self.labels else None

    @property
    def loss_sd(self) -> float | None:
        """The losses' standard deviation; None for fewer than two labels."""
        return math.sqrt(self._squares / (self.labels - 1)) if self.labels > 1 else None

    def remember(self, request_id: str, predictions: list[Any]) -> None:
        """Keep one prediction per row until its label arrives."""
        self._waiting[request_id] = predictions[: self._most_rows]
        self._rows += len(self._waiting[request_id])
        while self._rows > self._most_rows:
            self._rows -= len(self._waiting.popitem(last=False)[1])

    def join(self, request_id: str, row: int, label: Label) -> bool:
        """Count a label and tell whether its prediction was there; only the first label of a prediction counts."""
        waiting = self._waiting.get(request_id, [])
        prediction = waiting[row] if row < len(waiting) else None
        loss = None if prediction is None else self._loss(prediction, label)
        if loss is None or not math.isfinite(loss):
            return False
        waiting[row] = None
        # Welford's way: sums of squares would lose what is small beside the mean.
        self.labels += 1
        off = loss - self._mean
        self._mean += off / self.labels
        self._squares += off * (loss - self._mean)
        return True

    def _loss(self, prediction: Any, label: Label) -> float | None:
        """Return the loss; None for a class that the version does not know."""
        if self._manifest.task == "regression":
            off = prediction - float(label)  # type: ignore[arg-type]
            return float(off * off)
        if self._manifest.task == "binary":
            return _log_loss(prediction if label else 1.0 - prediction)
        code = self._codes.get(str(label))
        return None if code is None else _log_loss(prediction[code])


def _log_loss(probability: float) -> float:
    return -math.log(min(max(probability, _LEAST), 1.0))


def check_label(manifest: Manifest, label: object, place: int) -> None:
    """Refuse what cannot be a label of the task.

    Args:
        manifest: The champion's manifest.
        label: What was sent.
        place: Its place in the request, counted from 0.

    Raises:
        RefusedError: 400, naming the label.
    """
    fine: bool
    if manifest.task == "regression":
        fine = type(label) in (int, float) and -_MOST < label < _MOST  # type: ignore[operator]
    elif manifest.task == "binary":
        fine = type(label) in (int, float, bool) and label in (0, 1)
    else:
        fine = type(label) in (str, int, bool)
    if not fine:
        field, allowed, received = f"labels.{place}.label", _ALLOWED[manifest.task], shown(label)
        raise RefusedError(
            400,
            f"{field}: received {received}, allowed: {allowed}",
            field=field,
            row=place,
            received=received,
            allowed=allowed,
        )
