"""The ``ingest.source`` of a proposed spec, in YAML, and the place of the rows in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.database import DatabaseOrigin
from airworthy.proposal.origin import FilesOrigin
from airworthy.proposal.proposal import Proposal
from airworthy.proposal.row_table import RowTable
from airworthy.proposal.time_sql import time_sql
from airworthy.proposal.yaml_text import block, flow, scalar, with_comment
from airworthy.spec.sources_part import CsvFormat

Origin = FilesOrigin | DatabaseOrigin


def source_lines(
    origin: Origin, proposal: Proposal, table: RowTable, folder: Path, project: Path
) -> list[str]:
    """Return the lines below ``source:``.

    Args:
        origin: The place of the rows.
        proposal: The proposed model.
        table: The rows.
        folder: The model's folder.
        project: The project's folder.
    """
    if isinstance(origin, DatabaseOrigin):
        return _database(origin, proposal, table, folder, project)
    lines = ["type: files", f"format: {origin.format}"]
    path = scalar(origin.path_in_spec(folder, project, proposal.time is None))
    lines.append(with_comment(f"path: {path}", "nothing was copied"))
    form = csv_keys(table.csv)
    if form:
        lines.append(with_comment(f"csv: {flow(form)}", "seen in the file"))
    if table.excel is not None:
        place = flow(table.excel.model_dump(exclude_defaults=True))
        lines.append(with_comment(f"excel: {place}", "seen in the file"))
    if proposal.renamed:
        names = with_comment(f"rename: {flow(proposal.renamed)}", "the source's name: ours")
        lines.append(names)
    if proposal.derived:
        lines.append("derive:")
    for name, text in proposal.derived.items():
        why = "without blanks around it" if text.startswith("TRIM(") else "a plain number of it"
        lines.append(with_comment(f"  {scalar(name)}: {scalar(text)}", why))
    return lines


def connection_name(proposal: Proposal) -> str:
    """Return the id of the connection for a database whose address has a password."""
    return f"{proposal.name}_source"


def csv_keys(form: CsvFormat | None) -> dict[str, Any]:
    """Return the keys of a CSV form that are not the usual ones."""
    return {} if form is None else form.model_dump(exclude_defaults=True)


def _database(
    origin: DatabaseOrigin, proposal: Proposal, table: RowTable, folder: Path, project: Path
) -> list[str]:
    url = origin.url_in_spec(folder, project)
    address = (
        with_comment(
            f"connection: {connection_name(proposal)}",
            "the address has a password, and no spec holds one: see docs/own-data.md, or set "
            f"AIRFLOW_CONN_{connection_name(proposal).upper()}",
        )
        if url is None
        else f"url: {scalar(url)}"
    )
    return ["type: sql", address, "query: |", *block(_query(origin, proposal, table), 2)]


def _selected(origin: DatabaseOrigin, column: ColumnProfile) -> str:
    quoted = origin.quote(column.source)
    text = quoted if column.amounts is None else column.amounts.sql(quoted)
    return text if text == origin.quote(column.name) else f"{text} AS {origin.quote(column.name)}"


def _query(origin: DatabaseOrigin, proposal: Proposal, table: RowTable) -> list[str]:
    time = proposal.time
    used = [*([] if time is None else [time.column]), *proposal.declared]
    names = [_selected(origin, each) for each in used]
    rows = f"({origin.query}) AS source_rows" if origin.query else origin.table
    select = [f"SELECT {', '.join(names)}", f"FROM {rows}"]
    if time is None:
        return [*select, "WHERE :start < :end"]
    source = time.column.source
    form = time.column.time_format or "iso"
    column = time_sql(origin.quote(source), form, table.sample()[source], origin.dialect)
    return [*select, f"WHERE {column} >= :start AND {column} < :end"]
