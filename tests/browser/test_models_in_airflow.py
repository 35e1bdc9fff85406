"""People see and steer a model in Airflow's UI, in a real browser before a real stack.

Tests run in the order written: each starts where the one before it ended.
"""

from __future__ import annotations

from playwright.sync_api import expect
from tests.end_to_end.conftest import Stack

from .conftest import MODEL
from .people import Person

TRAIN = f"{MODEL}__train"
AS_OF = "2026-03-20"


def test_only_who_has_the_password_logs_in(admin: Person) -> None:
    """A wrong password shows no page; the right one shows Airflow's."""
    admin.open("/")
    admin.log_in("not " + admin.password)
    expect(admin.page.get_by_text("Invalid credentials")).to_be_visible()
    admin.log_in(admin.password)
    expect(admin.page.get_by_role("heading", name="Welcome")).to_be_visible()


def test_a_dag_is_paused_and_unpaused_by_its_switch(admin: Person, stack: Stack) -> None:
    """The train DAG begins paused: nothing runs before somebody wants it."""
    for on in (True, False, True):
        admin.switch(TRAIN, on=on)
    assert stack.runs(MODEL) == []


def test_a_run_starts_by_the_form_with_its_parameter(admin: Person, stack: Stack) -> None:
    """The form has the DAG's params. The run's page shows its state until a person must answer."""
    admin.start(TRAIN, as_of=AS_OF)
    admin.run_state("Running")
    expect(admin.page.get_by_role("button", name="Required Action")).to_be_visible()
    [run] = stack.runs(MODEL)
    assert (run.conf or {})["as_of"] == AS_OF
    assert stack.served_version(MODEL) is None


def test_an_approval_in_required_actions_lets_the_version_serve(
    admin: Person, stack: Stack
) -> None:
    """The person sees the question with its facts, gives a reason, and sees the run succeed."""
    admin.answer(f"{MODEL} version 1: may it take over?", "Approve", "the first one")
    [run] = stack.runs(MODEL)
    admin.open(f"/dags/{TRAIN}/runs/{run.dag_run_id}")
    admin.run_state("Success")
    assert stack.served_version(MODEL) == "1"
