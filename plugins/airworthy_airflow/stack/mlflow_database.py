"""Brings MLflow's database to its current schema: ``python -m airworthy_airflow.stack.mlflow_database``."""

from __future__ import annotations

from airworthy_airflow.stack.layout import load_layout


def main() -> None:
    """Make or upgrade the tables. The default experiment's artifacts go to the same place as all others."""
    from mlflow.store.db import utils
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    layout = load_layout()
    engine = utils.create_sqlalchemy_engine_with_retry(layout.tracking_uri)
    utils._safe_initialize_tables(engine)
    utils._upgrade_db(engine)
    SqlAlchemyStore(layout.tracking_uri, layout.artifacts)


if __name__ == "__main__":
    main()
