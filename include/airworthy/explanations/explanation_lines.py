"""The lines of ``airworthy explain``: the answer, its row, and a table of contributions. Pure."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import to_jsonable_python

from airworthy.explanations.explain import Explanation

_WORDS = {
    "identity": "the answer is the sum",
    "exponential": "the answer is e to the power of the sum",
    "logistic": "the answer is 1 / (1 + e^-sum): the sum is in log odds",
    "softmax": "the answer is the softmax of the classes' sums",
}


def explanation_lines(explanation: Explanation) -> list[str]:
    """Return an explanation in words and one table.

    A multiclass model has a column of contributions for each of its classes.
    """
    answer = explanation.answer
    again = "the same, bit for bit" if explanation.is_same else f"{explanation.recomputed}"
    return [
        f"{answer.model} version {answer.version} ({answer.source}), {answer.time.isoformat()}",
        f"answer      {_answer(answer.value, answer.predicted_class)}",
        f"recomputed  {again}",
        f"row         {json.dumps(to_jsonable_python(answer.row), ensure_ascii=True)}",
        "",
        *_table(explanation),
        "",
        f"{_WORDS[explanation.link]}: {explanation.answer_of_sum}",
    ]


def _answer(value: Any, predicted_class: str | None) -> str:
    return f"{value}" if predicted_class is None else f"{predicted_class!a} {value}"


def _table(explanation: Explanation) -> list[str]:
    heads = [ascii(name)[1:-1] for name in explanation.classes] or ["contribution"]
    rows = [["feature", "value", *heads]]
    rows += [
        [each.name, _value(each.value), *_numbers(each.contribution)]
        for each in explanation.features
    ]
    rows += [["(bias)", "", *_numbers(explanation.bias)], ["sum", "", *_numbers(explanation.sum)]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _value(value: Any) -> str:
    return "missing" if value is None else ascii(value)[:40]


def _numbers(parts: float | list[float]) -> list[str]:
    return [f"{part:+.6g}" for part in (parts if isinstance(parts, list) else [parts])]
