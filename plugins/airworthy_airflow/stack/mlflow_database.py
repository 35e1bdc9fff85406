"""Brings MLflow's database to its current schema: ``python -m airworthy_airflow.stack.mlflow_database``."""

from __future__ import annotations

from airworthy.registry.mlflow_database import (
    ensure_database,
    follow_moved_artifacts,
    make_tables,
    upgrade_database,
)
from airworthy_airflow.stack.layout import load_layout


def main() -> None:
    """Make or upgrade the tables. The default experiment's artifacts go to the same place as all others."""
    layout = load_layout()
    if not layout.tracking_uri.startswith("sqlite:"):
        make_tables(layout.tracking_uri, layout.artifacts)
        return
    ensure_database(layout.tracking_uri, layout.artifacts)
    upgrade_database(layout.tracking_uri)
    if "://" not in layout.artifacts:
        follow_moved_artifacts(layout.tracking_uri, layout.artifacts)


if __name__ == "__main__":
    main()
