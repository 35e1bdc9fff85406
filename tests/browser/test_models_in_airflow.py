"""People see and steer a model in Airflow's UI, in a real browser before a real stack.

Tests run in the order written: each starts where the one before it ended.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Locator, Page, expect
from tests.end_to_end.conftest import RUN_SECONDS, Stack, wait_until

from .conftest import MODEL
from .people import Person, Theme

TRAIN = f"{MODEL}__train"
AS_OF = "2026-03-20"
PATHS = (
    "",
    f"models/{MODEL}",
    f"models/{MODEL}/versions?left=1&right=2",
    f"models/{MODEL}/lineage",
    f"models/{MODEL}/ledger",
    f"models/{MODEL}/actions/train",
    f"models/{MODEL}/actions/pause",
)
PHONE = 390
MOST_TABS = 100
# Preloading style sheets anew makes a style element, which our pages' policy refuses.
AXE = {"preload": False, "resultTypes": ["violations"]}


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
    wait_for_question(stack, run.dag_run_id)
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


def test_the_models_entry_opens_the_list_in_airflow(admin: Person) -> None:
    """The navigation has the list; the list has the model, what serves, and a link to its page."""
    frame = admin.models()
    expect(frame.get_by_role("heading", name="Models")).to_be_visible()
    frame.get_by_role("link", name=MODEL, exact=True).click()
    expect(frame.get_by_role("heading", name=MODEL)).to_be_visible()
    admin.page.wait_for_url(f"**/plugin/models/airworthy/models/{MODEL}")


def test_a_challenger_is_trained_by_the_button(admin: Person, stack: Stack) -> None:
    """The page of what was done leads to the run's page in Airflow, out of the frame."""
    admin.act("Train", "Train a challenger", "newer parcels")
    admin.follow_run()
    expect(admin.page.get_by_role("button", name="Required Action")).to_be_visible()
    [run_id] = {run.dag_run_id for run in stack.runs(MODEL) if run.state == "running"}
    wait_for_question(stack, run_id)


def test_the_list_shows_that_an_approval_waits_and_the_button_gives_it(
    admin: Person, stack: Stack
) -> None:
    """The run goes on in Airflow, and the model's page has another champion."""
    row = admin.models().get_by_role("row").filter(has_text=MODEL)
    expect(row).to_contain_text("approval")
    row.get_by_role("link", name=MODEL, exact=True).click()
    admin.act("Approve", "Approve", "better on parcels")
    admin.follow_run()
    admin.run_state("Success")
    expect(champion(admin.model_page(MODEL))).to_have_text(re.compile(r"^\s*2(?!\d)"))
    assert stack.served_version(MODEL) == "2"


def test_a_rollback_by_the_button_is_in_the_ledger_with_its_reason(
    admin: Person, stack: Stack
) -> None:
    """The champion before serves again, and the ledger's page says who wanted it and why."""
    admin.model_page(MODEL)
    admin.act("Roll back", "Roll back", "couriers complain")
    admin.follow_run()
    admin.run_state("Success")
    assert stack.served_version(MODEL) == "1"
    expect(champion(admin.model_page(MODEL))).to_have_text(re.compile(r"^\s*1(?!\d)"))
    ledger = admin.model_page(f"{MODEL}/ledger").get_by_role("main")
    expect(ledger).to_contain_text("couriers complain")
    expect(ledger).to_contain_text(admin.name)


def test_a_viewer_has_no_buttons_and_is_refused(viewer: Person, stack: Stack) -> None:
    """A viewer reads every page. Who posts an action all the same does nothing."""
    viewer.open("/")
    viewer.log_in(viewer.password)
    expect(viewer.page.get_by_role("heading", name="Welcome")).to_be_visible()
    main = viewer.model_page(MODEL).get_by_role("main")
    expect(main.get_by_role("heading", name=MODEL)).to_be_visible()
    expect(main.locator("a[href*='/actions/']")).to_have_count(0)
    before = stack.runs(MODEL)
    address = f"{viewer.address}/airworthy/models/{MODEL}/actions/train"
    answer = viewer.page.request.post(
        address, form={"reason": "because"}, headers={"Origin": viewer.address}
    )
    assert answer.status == 403
    assert viewer.page.request.get(address).status == 403
    assert stack.runs(MODEL) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_barrier(admin: Person, theme: Theme) -> None:
    """The checker axe finds nothing serious, in both themes; the page has the colours of the system."""
    found: dict[str, list[str]] = {}
    for path in PATHS:
        with admin.window(path, theme=theme) as page:
            expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
            found[path] = barriers(page)
    assert found == {path: [] for path in PATHS}


def test_no_page_is_wider_than_a_phone(admin: Person) -> None:
    """A wide table scrolls in itself; the page does not."""
    wide: dict[str, int] = {}
    for path in PATHS:
        with admin.window(path, width=PHONE) as page:
            wide[path] = page.evaluate("document.documentElement.scrollWidth")
    assert wide == dict.fromkeys(PATHS, PHONE)


def test_the_list_is_used_by_keyboard(admin: Person) -> None:
    """Tab reaches the filter and the model's link; Enter uses them."""
    with admin.window("") as page:
        tab_to(page, "input[type=search]")
        page.keyboard.type("no such model")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=MODEL, exact=True)).to_have_count(0)
        assert "no+such+model" in page.url
    with admin.window("") as page:
        tab_to(page, f"a[href$='/models/{MODEL}']")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=MODEL).first).to_be_visible()


def test_our_pages_wrote_no_error_into_the_console(admin: Person, viewer: Person) -> None:
    """Neither a script's error nor a refusal of the policy, in all that the tests above opened."""
    assert admin.console + viewer.console == []


def champion(frame: FrameLocator) -> Locator:
    """Return the place of the champion on a model's page."""
    return frame.locator("dl.facts > div").filter(has_text="Champion").locator("dd")


def wait_for_question(stack: Stack, run_id: str) -> None:
    """Wait until the scheduler has seen the asking process end: it takes a task that is answered
    before for a killed one, and asks again.
    """
    log = stack.layout.logs / "scheduler.log"
    end = f"TaskInstance Finished: dag_id={TRAIN}, task_id=release.approve, run_id={run_id}"
    wait_until("the question", lambda: end in log.read_text(encoding="utf-8"), RUN_SECONDS)


def barriers(page: Page) -> list[str]:
    """Return what axe finds serious or critical on a page, with the elements."""
    found: list[dict[str, Any]] = Axe().run(page, options=AXE).response["violations"]
    return [
        f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab does not reach {selector}")
