"""A person before Airflow's UI: what they see, click and type. All waits are Playwright's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, FrameLocator, Page, expect
from tests.end_to_end.conftest import RUN_SECONDS

PAGES = "/airworthy/"


@dataclass(frozen=True)
class Person:
    """One person's window."""

    page: Page
    address: str
    name: str
    password: str
    console: list[str] = field(default_factory=list)
    """The errors and warnings that our pages wrote into the browser's console."""

    def log_in(self, password: str) -> None:
        """Fill Airflow's login form, and send it."""
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def open(self, path: str) -> None:
        """Open a page of Airflow."""
        self.page.goto(self.address + path)

    def switch(self, dag_id: str, *, on: bool) -> None:
        """Unpause a DAG by the switch of its page, or pause it: it is the other before."""
        self.open(f"/dags/{dag_id}")
        switch = self.page.get_by_test_id("toggle-pause").first
        expect(switch.get_by_role("checkbox")).to_be_checked(checked=not on)
        switch.click()
        expect(switch.get_by_role("checkbox")).to_be_checked(checked=on)

    def start(self, dag_id: str, **fields: str) -> None:
        """Start a run by the form of a DAG's page, and wait for the run's page.

        Args:
            dag_id: The DAG.
            **fields: The params' values by their names.
        """
        self.open(f"/dags/{dag_id}")
        self.page.get_by_test_id("trigger-dag-button").click()
        form = self.page.get_by_role("dialog")
        for name, value in fields.items():
            form.locator(f"#element_{name}").fill(value)
        form.get_by_role("button", name="Trigger", exact=True).click()
        self.page.wait_for_url(f"**/dags/{dag_id}/runs/*")

    def run_state(self, state: str) -> None:
        """Wait until the page of a run shows its state."""
        header = self.page.get_by_test_id("header-card")
        expect(header.get_by_test_id("state-badge").first).to_have_text(state)

    def answer(self, subject: str, option: str, comment: str) -> None:
        """Answer a question among the required actions.

        Args:
            subject: Words of the question.
            option: The chosen option.
            comment: The reason.
        """
        self.open("/required_actions")
        self.page.get_by_role("link", name=subject).first.click()
        self.page.locator("#element_comment").fill(comment)
        self.page.get_by_test_id(f"hitl-option-{option}").click()
        expect(self.page.get_by_text("response successful")).to_be_visible()

    def models_page(self) -> FrameLocator:
        """Open the Models page by its entry in Airflow's navigation; return its frame."""
        self.open("/")
        self.page.get_by_role("link", name="Models", exact=True).click()
        return self.page.frame_locator("iframe[title='Models']")


@contextmanager
def person_at(browser: Browser, address: str, name: str, password: str) -> Iterator[Person]:
    """Open a window of its own for a person: cookies are nobody else's.

    Args:
        browser: The browser.
        address: Airflow's address.
        name: The person's name in Airflow.
        password: The person's password there.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(RUN_SECONDS * 1000)
    person = Person(context.new_page(), address, name, password)

    def listen(message: ConsoleMessage) -> None:
        told = message.type in ("error", "warning")
        if told and (PAGES in message.location["url"] or PAGES in person.page.url):
            person.console.append(f"{message.location['url']}: {message.text}")

    context.on("console", listen)
    context.on("weberror", lambda error: person.console.append(str(error.error)))
    yield person
    context.close()
