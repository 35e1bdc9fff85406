"""The label: which column it is, what it means for the task, and which value means yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.proposal_error import ProposalError
from airworthy.spec.evaluate_part import Task

_USUAL_NAMES = ("label", "target", "y", "class", "outcome")
_YES = (
    "yes", "y", "true", "t", "1", "up", "positive", "pos", "win", "won", "success", "late", "fraud",
    "default", "churn", "churned", "spam", "bad", "sick", "ill", "malignant", "m1", "failed",
    "failure", "canceled", "cancelled", "clicked", "bought", "left", "delayed", "j", "ja", "oui", "si",
)  # fmt: skip
_NO = (
    "no", "n", "false", "f", "0", "down", "negative", "neg", "good", "healthy", "benign", "ok", "nein", "non",
)  # fmt: skip
MAX_CLASSES, _MAX_NUMBER_CLASSES, _MIN_ROWS = 50, 10, 50


@dataclass(frozen=True)
class Label:
    """The label's column in the type that the task needs.

    Attributes:
        profile: The column.
        task: The task.
        positive: The value that means yes; None: none is needed.
        guess: The reason for the task, for a comment.
    """

    profile: ColumnProfile
    task: Task
    positive: str | int | None
    guess: str

    @property
    def numbers(self) -> pl.Series:
        """The label as floats: the number, or the class's code."""
        values = self.profile.values
        if self.task == "multiclass" or values.dtype == pl.String:
            values = values.cast(pl.String).rank("dense") - 1
        return values.cast(pl.Float64)


def find_label(profiles: Sequence[ColumnProfile], name: str | None) -> ColumnProfile:
    """Return the label's column: the named one, else the only one with a label's usual name.

    Raises:
        ProposalError: when there is no such column, when it is of no use, or when it is not clear
            which one it is.
    """
    if name is None:
        usual = [each for each in profiles if each.name.lower() in _USUAL_NAMES]
        if len(usual) == 1:
            return usual[0]
        raise ProposalError(
            "the column to predict is not known",
            received="no --label",
            allowed=", ".join(_could_be(profiles)) or "a column with at least two values",
            next_step="say --label COLUMN",
        )
    found = [each for each in profiles if name in (each.source, each.name)]
    if not found:
        from difflib import get_close_matches

        close = get_close_matches(name, [each.source for each in profiles], n=1)
        raise ProposalError(
            "the source has no such column to predict",
            received=f"--label {name}",
            allowed=", ".join(each.source for each in profiles),
            next_step=f"say --label {close[0] if close else 'COLUMN'}",
        )
    return found[0]


def understand_label(column: ColumnProfile, task: str | None, positive: str | None) -> Label:
    """Return the label with its task.

    Args:
        column: The label's column.
        task: The task that the user named; None: it follows from the values.
        positive: The value that means yes, as the user named it; None: it is guessed.

    Raises:
        ProposalError: when the values do not fit any task, or not the named one.
    """
    present = column.present
    if len(present) < _MIN_ROWS or column.distinct < 2:
        raise ProposalError(
            "nothing can be learnt from this column",
            received=f"{column.source}: {len(present)} rows with a value, {column.distinct} "
            "different values",
            allowed=f"at least {_MIN_ROWS} rows and two values",
            next_step="say another --label, or give more rows",
        )
    if column.kind == "datetime":
        raise ProposalError(
            "a time is no label", received=column.source, allowed="a number, a yes or no, a class",
            next_step="derive a number from it, such as the hours between two times",
        )  # fmt: skip
    guessed, reason = _task_of(column)
    chosen: Task = guessed if task is None else task  # type: ignore[assignment]
    if positive is not None and task is None and column.distinct == 2:
        chosen = "binary"
    if task is not None:
        reason = "as you said"
    _refuse_unfit(column, chosen, said=task is not None)
    if chosen == "binary":
        return _binary(column, positive, reason)
    if chosen == "multiclass":
        texts = _levels(column)
        return Label(
            replace(column, kind="category", values=texts, problem=""), chosen, None, reason
        )
    kind = column.kind if column.kind in ("int", "float") else "float"
    values = column.values.cast(pl.Int64 if kind == "int" else pl.Float64)
    return Label(replace(column, kind=kind, values=values, problem=""), chosen, None, reason)


def _could_be(profiles: Sequence[ColumnProfile]) -> list[str]:
    """Return the columns that could be a label, those of few classes and the last ones first."""
    usable = [
        each for each in profiles
        if not each.problem and each.kind != "datetime" and each.distinct > 1
    ]  # fmt: skip
    return [each.source for each in reversed(usable)]


def _task_of(column: ColumnProfile) -> tuple[Task, str]:
    count = column.distinct
    if column.kind == "bool" or count == 2:
        return "binary", "two values"
    if column.kind == "category":
        return "multiclass", f"{count} classes"
    whole = column.present.cast(pl.Float64)
    few = count <= _MAX_NUMBER_CLASSES and bool((whole == whole.round()).all())
    if few and column.kind == "int" and len(whole) >= 20 * count:
        return "multiclass", f"{count} whole numbers only; --task regression for an amount"
    return "regression", f"numbers, {count:,} different ones"


def _refuse_unfit(column: ColumnProfile, task: Task, said: bool) -> None:
    count, problem = column.distinct, ""
    if task == "binary" and count != 2:
        problem = "a binary label has two values"
    elif task == "multiclass" and count > MAX_CLASSES and not said:
        problem = "this column has neither numbers nor a few classes"
    elif task == "multiclass" and count > MAX_CLASSES:
        problem = f"a multiclass label has at most {MAX_CLASSES} classes"
    elif task == "regression" and column.kind not in ("int", "float", "bool"):
        problem = "a regression label is a number"
    if problem:
        raise ProposalError(
            problem,
            received=f"{column.source}: {count:,} values, such as "
            f"{', '.join(map(str, column.present.unique(maintain_order=True)[:3]))}",
            allowed=f"numbers, yes and no, or at most {MAX_CLASSES} classes",
            next_step="say another --task or --label",
        )


def _levels(column: ColumnProfile) -> pl.Series:
    values = column.values
    if values.dtype.is_float() and bool((values.drop_nulls() % 1 == 0).all()):
        values = values.cast(pl.Int64)
    return values.cast(pl.String)


def _binary(column: ColumnProfile, positive: str | None, reason: str) -> Label:
    if column.kind == "bool" and positive is None:
        return Label(replace(column, problem=""), "binary", None, reason)
    texts = _levels(column)
    levels = sorted(texts.drop_nulls().unique().to_list())
    if column.kind != "bool" and levels == ["0", "1"] and positive in (None, "1"):
        whole = texts.cast(pl.Int64)
        return Label(replace(column, kind="int", values=whole, problem=""), "binary", None, reason)
    yes, why = _positive_of(texts, levels, positive, column.source)
    number = column.kind in ("int", "float")
    values = texts == yes
    told = f"{reason}; yes is {yes!r}: {why}"
    profile = replace(column, kind="bool", values=values, problem="")
    return Label(profile, "binary", int(yes) if number else yes, told)


def _positive_of(
    texts: pl.Series, levels: list[str], positive: str | None, source: str
) -> tuple[str, str]:
    if positive is not None:
        if positive not in levels:
            raise ProposalError(
                "the label has no such value", received=f"--positive {positive}",
                allowed=" or ".join(levels), next_step=f"say one of the two values of {source}",
            )  # fmt: skip
        return positive, "as you said"
    lower = {level: level.strip().lower() for level in levels}
    yes = [level for level in levels if lower[level] in _YES or lower[level].startswith(">")]
    no = [level for level in levels if lower[level] in _NO or lower[level].startswith("<")]
    if len(yes) == 1:
        return yes[0], "by its word"
    if len(no) == 1:
        return next(level for level in levels if level not in no), "by the other's word"
    counts = dict(texts.drop_nulls().value_counts().iter_rows())
    if lower.keys() == {"1", "2"}:
        return "2", "the larger number"
    return min(levels, key=lambda level: (counts[level], level)), "the rarer one"
