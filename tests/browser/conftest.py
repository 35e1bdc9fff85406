"""A real stack with one small model, and people's browsers before it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, expect, sync_playwright
from tests.end_to_end.conftest import RUN_SECONDS, Stack, running_stack, write_model, write_project

from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets, user_passwords

from .people import Person, person_at

DEMANDED = "AIRWORTHY_DEMAND_CHROMIUM"
MODEL = "parcels"
VIEWER = "eve"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser. Only on a developer's machine may it be missing."""
    found = shutil.which("chromium")
    if found is None:
        assert not os.environ.get(DEMANDED), f"{DEMANDED} is set, and Chromium is not there"
        pytest.skip("Chromium is not on this machine (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A running browser. What a page is to show has as long as a run: no machine is too slow."""
    expect.set_options(timeout=RUN_SECONDS * 1000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def stack(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack. A person approves its model; Airflow has a viewer beside its admin."""
    folder = tmp_path_factory.mktemp("browser")
    write_model(folder / "models", MODEL, release={"approval": "required", "rollout": ["full"]})
    start_by_hand(folder / "models" / MODEL / "model.yaml")
    with running_stack(
        folder, write_project(folder / "project"), AIRWORTHY_USERS=f"{VIEWER}:viewer"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def admin(stack: Stack, browser: Browser) -> Iterator[Person]:
    """Somebody who may do everything, before the login."""
    password = ensure_secrets(stack.layout).password
    with person_at(browser, address(stack.layout), USER, password) as person:
        yield person


@pytest.fixture(scope="module")
def viewer(stack: Stack, browser: Browser) -> Iterator[Person]:
    """Somebody who may read, before the login."""
    password = user_passwords(stack.layout)[VIEWER]
    with person_at(browser, address(stack.layout), VIEWER, password) as person:
        yield person


def address(layout: Layout) -> str:
    """Return the address of the stack's Airflow."""
    return layout.url("airflow")


def start_by_hand(spec: Path) -> None:
    """Take the schedule out of a model's spec: a DAG that is unpaused would start a run at once."""
    keys = yaml.safe_load(spec.read_text(encoding="utf-8"))
    keys["schedule"] = None
    spec.write_text(yaml.safe_dump(keys), encoding="utf-8")
