"""The actions that a model's state allows, among those that a user may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airworthy_airflow.models_page.actions_base import Action
from airworthy_airflow.models_page.model_rows import ModelRow


@dataclass(frozen=True)
class Button:
    """A link to an action's page. `is_next`: a person waits for this one."""

    action: str
    text: str
    is_next: bool
    is_grave: bool


def buttons_for(row: ModelRow, permitted: Sequence[Action]) -> list[Button]:
    """Return the buttons of a model's page: what a person waits for first.

    Args:
        row: The model's state.
        permitted: The actions that the user may take, in the order of the buttons.
    """
    allowed, asks = _allowed(row), _asks(row)
    buttons = [
        Button(
            action=action.name,
            text=action.button,
            is_next=asks and action.name == "approve",
            is_grave=action.is_grave,
        )
        for action in permitted
        if allowed.get(action.name, True)
    ]
    return sorted(buttons, key=lambda button: not (asks and button.action in ("approve", "reject")))


def _asks(row: ModelRow) -> bool:
    return row.airflow.asked_since is not None or row.summary.state.waits_for_approval is not None


def _allowed(row: ModelRow) -> dict[str, bool]:
    """Return whether an action makes sense now. Its own page looks again, and exactly."""
    state, facts = row.summary.state, row.airflow
    return {
        "approve": _asks(row),
        "reject": _asks(row),
        "train": facts.known and state.retired is None,
        "stop_rollout": state.rollout is not None,
        # On, it ended the rollout: it has to be turned off without one.
        "kill_switch": True,
        "roll_back": state.champion is not None,
        # A person may have paused some of the model's DAGs: the train DAG does not tell of them.
        "pause": facts.known,
        "unpause": facts.known,
    }
