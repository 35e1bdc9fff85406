"""The files of a run's evidence that are shown, read from the lake. No path leads out of them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import PurePosixPath

from airworthy.environment import load_environment
from airworthy.evidence import Evidence
from airworthy.object_store import open_store
from airworthy.spec.fields import MODEL_NAME
from airworthy.validation.data_docs_pages import LIST, DayPage, parse_pages

_RUN = re.compile(r"[A-Za-z0-9_.~:+%-]{1,255}")
_FILE = re.compile(r"[a-z][a-z0-9_]*\.(html|json|png)")
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
}


def read_file(model: str, run: str, name: str) -> bytes | None:
    """Return a file of a run's evidence; None: there is none, or it is none that is shown.

    Args:
        model: The model.
        run: The name of the run's folder.
        name: The file's name, such as ``report.html``. Subfolders are not shown.

    Raises:
        TerminalError: when the object store refuses.
        TransientError: when it cannot be reached.
    """
    evidence = _evidence(model, run)
    if evidence is None or not _FILE.fullmatch(name):
        return None
    return evidence.read(evidence.address(name))


def data_docs_of(model: str, run: str) -> list[DayPage] | None:
    """Return the Data Docs pages of a run, the newest day first; None: it has written none.

    Args:
        model: The model.
        run: The name of the run's folder.

    Raises:
        TerminalError: when the object store refuses.
        TransientError: when it cannot be reached.
    """
    content = read_file(model, run, LIST)
    return None if content is None else parse_pages(content)


def read_data_docs_page(model: str, page: DayPage) -> bytes | None:
    """Return a Data Docs page; None: it is not there any more.

    Args:
        model: The model.
        page: An entry of the run's list. The list is read from the lake, not from a request.

    Raises:
        TerminalError: when the object store refuses.
        TransientError: when it cannot be reached.
    """
    path = PurePosixPath(page.path)
    if path.suffix != ".html" or path.is_absolute() or ".." in path.parts:
        return None
    stored = open_store(load_environment().beside_lake(model, "validations")).read(page.path)
    return None if stored is None else stored.content


def is_day(text: str) -> bool:
    """Tell whether a text is a day, such as ``2026-01-31``."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _evidence(model: str, run: str) -> Evidence | None:
    """Return the evidence of a run; None for names that no model and no run has."""
    if not re.fullmatch(MODEL_NAME, model) or not _RUN.fullmatch(run) or not run.strip("."):
        return None
    return Evidence(load_environment().beside_lake(model, "evidence"), run)
