"""An action on a model: what it needs, what it will do by the state as it is now, and the act."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.models.dag import DagModel
from fastapi import Request
from sqlalchemy.orm import Session

from airworthy.environment import Environment
from airworthy.ledger import Entry, open_ledger
from airworthy.release.retirement import Caller
from airworthy_airflow.models_page.actions_refusals import ActionRefusedError
from airworthy_airflow.models_page.form_token import FormToken


@dataclass(frozen=True)
class Scene:
    """The records and the request that an action reads.

    Attributes:
        environment: The environment.
        model: The model's name. It is known, and the user may read it.
        user: The user.
        session: A session of Airflow's database.
        request: The request.
        chosen: The fields of the form, or of the address: name -> values.
    """

    environment: Environment
    model: str
    user: BaseUser
    session: Session
    request: Request
    chosen: dict[str, list[str]]

    @cached_property
    def entries(self) -> list[Entry]:
        """The model's ledger, oldest first."""
        return open_ledger(self.environment, self.model).entries()

    @property
    def newest_entry(self) -> str:
        """The number of the ledger's newest entry, as text."""
        return str(self.entries[-1].sequence if self.entries else 0)

    @property
    def who(self) -> str:
        """The user's name in the ledger, with the id where it differs: names are not unique."""
        name, user_id = self.user.get_name(), str(self.user.get_id())
        return name if name == user_id else f"{name} ({user_id})"

    def chosen_value(self, name: str) -> str:
        """Return a field's last value; empty without one."""
        return self.chosen.get(name, [""])[-1]

    def caller(self, token: FormToken) -> Caller:
        """Return the user as the ledger records them."""
        return Caller(self.who, "airflow", token.run_id)

    def dag(self, kind: str) -> DagModel:
        """Return one of the model's DAGs.

        Raises:
            ActionRefusedError: when Airflow has no such DAG, or it cannot be run.
        """
        dag_id = f"{self.model}__{kind}"
        dag = self.session.get(DagModel, dag_id)
        if dag is None or dag.is_stale:
            raise ActionRefusedError(
                409,
                f"Airflow has no DAG {dag_id} at present",
                "look at the import errors on Airflow's page of DAGs",
            )
        if dag.has_import_errors:
            raise ActionRefusedError(
                409,
                f"the DAG {dag_id} has import errors and cannot be run",
                "correct the model's spec: Airflow's page of DAGs shows its faults",
            )
        return dag

    def running_dag(self, kind: str) -> DagModel:
        """Return one of the model's DAGs that is not paused.

        Raises:
            ActionRefusedError: when it is paused, or cannot be run.
        """
        dag = self.dag(kind)
        if dag.is_paused:
            raise ActionRefusedError(
                409,
                f"the DAG {dag.dag_id} is paused: a run would wait in silence",
                "unpause it first, with the model's button or the DAG's toggle",
            )
        return dag


@dataclass(frozen=True)
class Alternative:
    """The same action on something else: a link to its own page, with a field in its address."""

    text: str
    name: str
    value: str


@dataclass(frozen=True)
class Boxes:
    """Boxes to check in the form, all checked at first: the field's name, and the values."""

    name: str
    label: str
    values: Sequence[str]


@dataclass(frozen=True)
class Plan:
    """An action as it would be done now.

    Attributes:
        effects: What will happen, a sentence each.
        state: What the sentences were made from. A form of another state is refused.
        hidden: Fields that the form sends along.
        boxes: Boxes beside the reason; None: none.
        alternatives: What else the action could be done to.
        subject: The headline of a question that is answered; empty: none.
        question: Its text, Markdown.
    """

    effects: Sequence[str]
    state: str
    hidden: dict[str, str] = field(default_factory=dict)
    boxes: Boxes | None = None
    alternatives: Sequence[Alternative] = ()
    subject: str = ""
    question: str = ""


@dataclass(frozen=True)
class Done:
    """An action that was done: a sentence, the DAG and its run for the audit log."""

    sentence: str
    dag_id: str
    run_id: str | None = None


class Action(ABC):
    """One action. An instance has no state."""

    name: ClassVar[str]
    title: ClassVar[str]
    button: ClassVar[str]
    is_grave: ClassVar[bool] = False

    @abstractmethod
    def is_permitted(self, user: BaseUser, model: str) -> bool:
        """Return whether Airflow lets the user do this to the model."""

    @abstractmethod
    def plan(self, scene: Scene) -> Plan:
        """Return what the action would do now.

        Raises:
            ActionRefusedError: when it makes no sense now.
            AirworthyError: when the model's records cannot be read, or do not allow it.
        """

    @abstractmethod
    def act(self, scene: Scene, token: FormToken, reason: str) -> Done:
        """Do it. The plan was made again just before, and is the one that the user saw.

        Raises:
            ActionRefusedError: when it cannot be done.
            AirworthyError: when it cannot be done.
            HTTPException: of Airflow's own routes.
        """
