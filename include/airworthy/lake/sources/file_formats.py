"""The format of a file by its name, as the spec names formats."""

from __future__ import annotations

from pathlib import Path

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".data": "csv",
    ".parquet": "parquet", ".pq": "parquet", ".parq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".xlsx": "excel", ".xls": "excel", ".xlsm": "excel", ".xlsb": "excel", ".ods": "excel",
}  # fmt: skip
COMPRESSED = frozenset({".gz", ".zst", ".bz2", ".xz"})


def format_of_name(path: Path) -> str | None:
    """Return the format that a file's name tells; None: it tells none.

    >>> format_of_name(Path("rows.CSV.gz")), format_of_name(Path("rows.pdf"))
    ('csv', None)
    """
    name = Path(path.stem) if path.suffix.lower() in COMPRESSED else path
    return FORMATS.get(name.suffix.lower())
