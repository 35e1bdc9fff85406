"""The actions that a model's state allows, for a user who may take them."""

from __future__ import annotations

from dataclasses import dataclass

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

from airworthy_airflow.models_page.login import may_run, train_dag_id
from airworthy_airflow.models_page.model_rows import ModelRow


@dataclass(frozen=True)
class Button:
    """A link to an action's page. `is_next`: a person waits for this one."""

    action: str
    title: str
    is_next: bool = False


def buttons_for(user: BaseUser, row: ModelRow) -> list[Button]:
    """Return the buttons of a model's page: none for those who may not start its runs."""
    model = row.name
    if not may_run(user, train_dag_id(model)):
        return []
    state, facts = row.summary.state, row.airflow
    asks = facts.asked_since is not None or state.waits_for_approval is not None
    holds = {
        Button("approve", "Approve …", is_next=True): asks,
        Button("reject", "Reject …"): asks,
        Button("train", "Train …"): facts.known and state.retired is None,
        Button("stop_rollout", "Stop the rollout …"): state.rollout is not None,
        Button("kill_switch", "Kill switch …"): state.rollout is not None,
        Button("roll_back", "Roll back …"): (
            state.champion is not None and may_run(user, f"{model}__rollback")
        ),
        Button("pause", "Pause …"): facts.paused is False,
        Button("unpause", "Unpause …"): facts.paused is True,
    }
    return [button for button, allowed in holds.items() if allowed]
