"""The report as Markdown for a pull request. No text of data or people becomes markup."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from airworthy.change_report.report import ChangeReport, ModelReport
from airworthy.handover import GateOutcome
from airworthy.shown_text import one_line, visible

_ROLES = ("challenger", "champion", "baseline")
_MAX_SLICES, _MAX_FEATURES, _MAX_PATHS, _MAX_REASON = 12, 30, 20, 200
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+!|~$-])")
_MENTION = re.compile(r"(?<=[@#])(?=\w)|(?<=://)|(?<=www)(?=\.)|(?<=GH)(?=-)", re.IGNORECASE)
_APART = "\u2060"  # A word joiner: nothing is seen of it, and no page makes a link.
_ANSWERS = {"yes": "may be merged", "no": "may not be merged", "unknown": "try again"}
_MARKS = {"yes": "✅", "no": "❌", "unknown": "⚠️"}
_OUTCOMES = {
    "pass": "✅ pass",
    "fail": "❌ fail",
    "inconclusive": "⚠️ inconclusive",
    "waived": "➖ waived",
    "excused": "➖ excused",
    "not run": "➖ not run",
}
MAX_CHARACTERS = 60_000
"""GitHub takes 65,536 in a comment."""


def report_markdown(report: ChangeReport, links: str = "") -> str:
    """Return the report as Markdown.

    Args:
        report: The report.
        links: The address of the folder with the report's files; empty: beside it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - it is no HTML; each text goes through `text` or `code`
    )
    pages.filters |= {
        "html": _html,
        "short": _short,
        "text": as_text,
        "code": as_code,
        "number": _number,
        "fence": _fence,
        "share": _share,
    }
    text = pages.get_template("report.md.j2").render(
        report=report,
        answers=_ANSWERS,
        marks=_MARKS,
        outcomes=_OUTCOMES,
        link=lambda name: f"{links.rstrip('/')}/{name}" if links else name,
        files=report_files(report),
        roles_of=_roles,
        slices_of=_slices,
        interval=_interval,
        max_paths=_MAX_PATHS,
        max_features=_MAX_FEATURES,
    )
    return _cut(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")


def report_files(report: ChangeReport) -> dict[str, dict[str, str]]:
    """Return model -> evidence file -> the name of its copy beside the report."""
    return {
        model.model: {name: f"{model.model}-{name}" for name in model.run.files}
        for model in report.models
        if model.run is not None
    }


def as_text(value: object) -> str:
    r"""Return a text of people or data as Markdown that shows it, on one line.

    >>> print(as_text("a|b *c* <img> [x](y)"))
    a\|b \*c\* \<img\> \[x\]\(y\)
    """
    shown = one_line(" ".join(str(value).split())).replace("&", "&amp;")
    return _MENTION.sub(_APART, _MARKUP.sub(r"\\\1", shown))


def as_code(value: object) -> str:
    r"""Return a text as a code span on one line, also of a table.

    >>> print(as_code("a|b `c`"))
    `a\|b 'c'`
    """
    shown = one_line(" ".join(str(value).split())).replace("`", "'").replace("|", "\\|")
    return f"`{shown or ' '}`"


def _html(value: object) -> str:
    """Return a text as HTML that shows it, on one line."""
    return _MENTION.sub(_APART, escape(one_line(" ".join(str(value).split()))))


def _fence(text: str) -> str:
    """Return a text as a code block that nothing in it can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}diff\n{visible(text)}\n{fence}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _share(value: float) -> str:
    """Return a share with its sign; a rounded nothing has none."""
    text = f"{value:+.1%}"
    return "0.0%" if text in ("+0.0%", "-0.0%") else text


def _short(text: str) -> str:
    return text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]} …"


def _interval(gate: GateOutcome) -> str:
    if gate.interval is None:
        return "–"
    return f"{_number(gate.interval[0])} … {_number(gate.interval[1])}"


def _roles(model: ModelReport) -> list[str]:
    verdict = model.run.verdict if model.run else None
    return [role for role in _ROLES if verdict is not None and role in verdict.metrics]


def _slices(model: ModelReport) -> list[dict[str, Any]]:
    """Return one table for each sliced column: the largest slices, and how many are left out."""
    verdict = model.run.verdict if model.run else None
    tables = []
    for column, slices in (verdict.slices if verdict is not None else {}).items():
        largest = sorted(slices, key=lambda name: -slices[name]["rows"])[:_MAX_SLICES]
        rows = {name: slices[name] for name in slices if name in largest}
        metrics = dict.fromkeys(
            metric for values in rows.values() for metric in values if metric != "rows"
        )
        left_out = len(slices) - len(rows)
        table = {"column": column, "metrics": list(metrics), "rows": rows, "left_out": left_out}
        tables.append(table)
    return tables


def _cut(text: str) -> str:
    """Return a report that a comment takes: at most `MAX_CHARACTERS`, cut at a line."""
    if len(text) <= MAX_CHARACTERS:
        return text
    kept = text[:MAX_CHARACTERS].rpartition("\n")[0]
    note = "**The report was cut here.** `--json` and the files beside it have all of it."
    return f"{_closed(kept)}\n\n{note}\n"


def _closed(text: str) -> str:
    """Return a text with an open code block and open details ended."""
    fences = re.findall(r"^(`{3,})", text, re.MULTILINE)
    if len(fences) % 2:
        text += f"\n{fences[-1]}"
    missing = text.count("<details>") - text.count("</details>")
    return text + "\n\n</details>" * missing
