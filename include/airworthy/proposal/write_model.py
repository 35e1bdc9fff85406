"""Writes the folder of a proposed model: all of it, or nothing."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path

from airworthy.features import load_expressions
from airworthy.masking import url_secrets
from airworthy.proposal.database import DatabaseOrigin, database_origin, database_table
from airworthy.proposal.features_text import features_file
from airworthy.proposal.first_tests import behaviour_file, tests_file
from airworthy.proposal.origin import files_origin, is_database
from airworthy.proposal.proposal import Proposal
from airworthy.proposal.proposal_error import ProposalError
from airworthy.proposal.propose import Wishes, propose
from airworthy.proposal.row_table import RowTable, files_table
from airworthy.proposal.source_text import Origin, source_lines
from airworthy.proposal.spec_text import spec_text
from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.scaffold import require_free_name


def open_origin(text: str, table: str | None, query: str | None) -> tuple[Origin, RowTable]:
    """Open the rows that ``--from`` names.

    Args:
        text: A path or an SQLAlchemy URL.
        table: The database's table; None: its only one, or `query`.
        query: A SELECT; None: a table.

    Raises:
        ProposalError: when there is no such source, or it cannot be read.
    """
    if is_database(text):
        origin = database_origin(text, table, query)
        return origin, database_table(origin)
    if table is not None or query is not None:
        raise ProposalError(
            "files have no tables and no queries",
            received=f"--from {text}",
            allowed="--table and --query with an SQLAlchemy URL",
            next_step="leave out --table and --query",
        )
    files = files_origin(text)
    return files, files_table(files)


def new_model_from(
    models: Path, project: Path, name: str, source: tuple[Origin, RowTable], wishes: Wishes,
    today: date,
) -> tuple[Path, Proposal]:  # fmt: skip
    """Propose a model and write its folder.

    Args:
        models: The folder of the model folders.
        project: The project's folder.
        name: The model's name.
        source: The place of the rows, and the rows.
        wishes: What the user said.
        today: The UTC day.

    Returns:
        The new folder, and the proposal.

    Raises:
        ScaffoldError: when the name is not allowed or taken.
        ProposalError: when no model can be proposed.
    """
    folder = require_free_name(models, name)
    origin, table = source
    proposal = propose(name, table, wishes, today)
    lines = source_lines(origin, proposal, table, folder, project)
    yesterday = str(today - timedelta(days=1))
    texts = {
        SPEC_FILE: spec_text(proposal, lines, folder, yesterday),
        "features.py": features_file(name, proposal.features),
        "behaviour.py": behaviour_file(proposal),
    }
    try:
        _write(folder, texts, proposal)
    except OSError as error:
        raise ProposalError(
            "the folder cannot be made", received=f"{folder}: {error.strerror}"
        ) from None
    return folder, proposal


def _write(folder: Path, texts: dict[str, str], proposal: Proposal) -> None:
    """Write into a hidden folder beside it, which then takes the name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as scratch:
        new = Path(scratch) / folder.name
        new.mkdir()
        for file, text in texts.items():
            (new / file).write_text(text, encoding="utf-8")
        features = load_expressions(new / "features.py", proposal.name)
        (new / "tests.yaml").write_text(tests_file(proposal, features), encoding="utf-8")
        new.rename(folder)


def is_secret(origin: Origin) -> bool:
    """Return whether the address has a secret, which no spec holds."""
    return isinstance(origin, DatabaseOrigin) and bool(url_secrets(origin.url))
