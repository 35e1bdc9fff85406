"""A person before Airflow's UI: what they see, click and type. All waits are Playwright's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    FrameLocator,
    Page,
    ViewportSize,
    expect,
)
from tests.end_to_end.conftest import RUN_SECONDS

PAGES = "/airworthy/"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Person:
    """One person's window."""

    page: Page
    address: str
    name: str
    password: str
    console: list[str] = field(default_factory=list)
    """The errors of our pages in the browser's console."""

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

    def models(self) -> FrameLocator:
        """Open the list of models by its entry in Airflow's navigation; return its frame."""
        self.open("/")
        self.page.get_by_role("link", name="Models", exact=True).click()
        return self.frame

    def model_page(self, path: str) -> FrameLocator:
        """Open a page below a model's inside Airflow; return its frame."""
        self.open(f"/plugin/models{PAGES}models/{path}")
        return self.frame

    @property
    def frame(self) -> FrameLocator:
        """The frame in which Airflow shows our pages."""
        return self.page.frame_locator("iframe[title='Models']")

    def act(self, button: str, title: str, reason: str) -> None:
        """Press a button of a model's page, give a reason on the action's page, and do it.

        Args:
            button: The button's text.
            title: The action's title: the text of the button that does it.
            reason: The reason.
        """
        self.frame.get_by_role("link", name=button, exact=True).click()
        expect(self.frame.get_by_role("heading", name="This will happen")).to_be_visible()
        self.frame.get_by_label("Reason").fill(reason)
        self.frame.get_by_role("button", name=title, exact=True).click()
        expect(self.frame.get_by_role("heading", name="Done")).to_be_visible()

    def follow_run(self) -> None:
        """Go from the page of what was done to the page of its run in Airflow."""
        self.frame.get_by_role("link", name="__").click()
        self.page.wait_for_url("**/dags/*/runs/*")

    @contextmanager
    def window(
        self, path: str, *, theme: Theme = "light", width: int = DESKTOP["width"]
    ) -> Iterator[Page]:
        """Open one of our pages in a window of its own, without Airflow around it.

        Args:
            path: The page's path below ``/airworthy/``.
            theme: The colours that the person's system wants.
            width: The window's width in pixels.
        """
        page = self.page.context.new_page()
        self.listen(page)
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": DESKTOP["height"]})
        page.goto(self.address + PAGES + path)
        expect(page.get_by_role("main")).to_be_visible()
        yield page
        page.close()

    def listen(self, page: Page) -> None:
        """Keep the errors of our pages in a window's console."""

        def keep(message: ConsoleMessage) -> None:
            if message.type == "error" and PAGES in message.location["url"] + page.url:
                self.console.append(f"{page.url}: {message.text}")

        page.on("console", keep)
        page.on("pageerror", lambda error: self.console.append(f"{page.url}: {error}"))


@contextmanager
def person_at(browser: Browser, address: str, name: str, password: str) -> Iterator[Person]:
    """Open a window of its own for a person: cookies are nobody else's.

    Args:
        browser: The browser.
        address: Airflow's address.
        name: The person's name in Airflow.
        password: The person's password there.
    """
    context = browser.new_context(viewport=DESKTOP, locale="en-GB")
    context.set_default_timeout(RUN_SECONDS * 1000)
    person = Person(context.new_page(), address, name, password)
    person.listen(person.page)
    yield person
    context.close()
