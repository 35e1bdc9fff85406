"""The names of classes in answers: beside the predictions, for people and programs."""

from __future__ import annotations

from typing import Any

from airworthy.spec.evaluate_part import Task


def class_names(
    task: Task, classes: list[str], positive: str | None, predictions: list[Any]
) -> dict[str, Any]:
    """Return the further keys of an answer.

    >>> class_names("multiclass", ["a", "b"], None, [[0.25, 0.75]])
    {'classes': ['a', 'b'], 'predicted_classes': ['b']}
    >>> class_names("binary", ["0", "1"], "UP", [0.7])
    {'positive': 'UP'}

    Args:
        task: The model's task.
        classes: The classes of a multiclass task, in the order of the probabilities.
        positive: The label's value that a binary probability is of; None: true.
        predictions: One prediction per row.
    """
    if task == "multiclass":
        return {
            "classes": classes,
            "predicted_classes": [classes[row.index(max(row))] for row in predictions],
        }
    return {} if positive is None else {"positive": positive}
