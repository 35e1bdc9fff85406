"""The right that each request to Airflow needs. Pure: texts in, a right out.

The words are those of Airflow's auth managers: methods, entities of DAGs, views, items of the menu.
"""

from __future__ import annotations

from typing import Final

from airworthy.roles import Right

GUARDING: Final = ("__rollback", "__watch")
"""The ends of the ids of those DAGs that move a champion back: their runs need a right of their own."""
_STARTED: Final = ("RUN", "TASK_INSTANCE")
# Airflow's menu shows the pages of plugins, such as Models, to those who may read the list of plugins.
_SEEN_VIEWS: Final = ("CLUSTER_ACTIVITY", "DOCS", "IMPORT_ERRORS", "JOBS", "PLUGINS", "WEBSITE")
_MENU: Final[dict[str, Right]] = {
    "Assets": "see",
    "Audit Log": "audit",
    "Dags": "see",
    "Deadlines": "see",
    "Docs": "see",
    "Jobs": "see",
    "Required Actions": "see",
    "XComs": "see",
}


def right_for_dag(
    method: str, entity: str | None, dag_id: str | None, *, is_backfill: bool = False
) -> Right:
    """Return the right that a request on a DAG, or on an entity of it, needs.

    Args:
        method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
        entity: The entity, such as ``RUN``; None: the DAG itself.
        dag_id: The DAG; None: any of them.
        is_backfill: Whether the request is one on backfills.
    """
    if method == "GET":
        return "audit" if entity == "AUDIT_LOG" else "see"
    if (method, entity) == ("PUT", None):
        return "pause"
    if (method, entity) == ("PUT", "HITL_DETAIL"):
        return "approve"
    # Without an id the request names its DAGs elsewhere. Airflow asks again for each, or for none.
    if dag_id is None or entity not in _STARTED or method == "DELETE":
        return "administer"
    if dag_id.endswith(GUARDING):
        return "roll_back"
    return "backfill" if is_backfill else "trigger"


def right_for_shown(method: str) -> Right:
    """Return the right for an asset or a pool: everybody sees them, few change them."""
    return "see" if method == "GET" else "administer"


def right_for_view(view: str) -> Right:
    """Return the right for one of Airflow's views, such as ``JOBS``."""
    return "see" if view in _SEEN_VIEWS else "administer"


def right_for_menu(item: str) -> Right:
    """Return the right for an item of the menu, such as ``Audit Log``."""
    return _MENU.get(item, "administer")
