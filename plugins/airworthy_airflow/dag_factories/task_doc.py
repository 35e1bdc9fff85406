"""The page of a task in Airflow's UI: its work, its numbers for this model, and what to do when it fails.

Texts of a spec are shown as they are; see `markdown_text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow.sdk import DAG, BaseOperator

from airworthy_airflow.markdown_text import as_code

FAILS = "**When it fails**"
_SHOWN = 25
CLEAR = "When that is mended, clear this task: it goes on where it was."


@dataclass(frozen=True)
class TaskDoc:
    """The part of a task's page that comes from the spec, as Markdown.

    Attributes:
        fails: The cause of a failure, and the next step of a person.
        numbers: The columns, windows, gates and limits of this model, each in a sentence.
    """

    fails: str
    numbers: tuple[str, ...] = ()


def document(dag: DAG, model: str, docs: Mapping[str, TaskDoc]) -> None:
    """Add to each task's page what the spec says of it.

    Args:
        dag: The DAG. Each of its tasks has a page with its general work.
        model: The model's name; empty: the DAG is no model's.
        docs: Task id -> its part.

    Raises:
        KeyError: when a task has no part.
    """
    for task in dag.tasks:
        assert isinstance(task, BaseOperator), "no DAG here has mapped tasks"
        doc = docs[task.task_id]
        numbers = "\n".join(f"- {line}" for line in doc.numbers if line)
        parts = (
            task.doc_md or "",
            f"**For {model}**" if numbers else "",
            numbers,
            f"{FAILS}: {doc.fails}",
        )
        task.doc_md = "\n\n".join(filter(None, parts))


def codes(names: Iterable[object]) -> str:
    """Return names as code spans, the first of many; ``none`` without any."""
    texts = [str(name) for name in names]
    shown = ", ".join(as_code(text) for text in texts[:_SHOWN])
    more = len(texts) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def listed(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the first of many lines, and the number of the others as the last one."""
    all_lines = tuple(lines)
    more = len(all_lines) - _SHOWN
    return (*all_lines[:_SHOWN], f"{more} more in the spec") if more > 0 else all_lines
