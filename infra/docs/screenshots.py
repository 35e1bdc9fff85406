"""Takes the pictures of docs/screenshots in a real browser: `make screenshots`.

Two embedded stacks of their own run one after the other. The first lives through the demo, so its models have a
history; one of its versions waits for an approval. The second has 200 models.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import yaml
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.console import Console

from airworthy.environment import load_environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove
from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.runs import trigger_run
from airworthy_airflow.demo.story import play
from airworthy_airflow.stack.layout import PORT_VARIABLES, Layout, load_layout
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "docs" / "screenshots"
STACK = (sys.executable, "-m", "airworthy_airflow.stack")
MODEL = "delivery_drift"
WAITING = "delivery_late"
DESKTOP, PHONE = (1280, 800), (390, 844)
COLOURS = 128
MANY = 200
LIKE = ("delivery_eta", "delivery_late")
CITIES = ("oslo", "bergen", "turku", "malmo", "aarhus")
WITHIN_MS = 900_000.0

Theme = Literal["light", "dark"]


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        expect.set_options(timeout=WITHIN_MS)
        few, many = Path(scratch) / "few", Path(scratch) / "many"
        write_few(few / "models")
        with stack(few) as layout:
            live(layout)
            take_few(browser, layout)
        write_many(many)
        with stack(many) as layout:
            take_many(browser, layout)


def write_few(models: Path) -> None:
    """Copy the shipped models. A person approves one of them."""
    shutil.copytree(PROJECT / "include" / "models", models)
    path = models / WAITING / "model.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["release"] = {**spec.get("release", {}), "approval": "required"}
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")


def write_many(folder: Path) -> None:
    """Write 200 models like the shipped ones, with champions in their ledgers."""
    for number in range(MANY):
        shipped = LIKE[number % len(LIKE)]
        name = f"{shipped}_{CITIES[number // len(LIKE) % len(CITIES)]}_{number:03}"
        shutil.copytree(PROJECT / "include" / "models" / shipped, folder / "models" / name)
        path = folder / "models" / name / "model.yaml"
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump({**spec, "model": name}), encoding="utf-8")
        release_versions(folder, name, 1 + number % 9)


def release_versions(folder: Path, model: str, count: int) -> None:
    """Append the releases of a model's versions to its ledger."""
    os.environ["AIRWORTHY_STATE"] = str(folder / "state")
    ledger = open_ledger(load_environment(), model)
    for version in range(1, count + 1):
        move = AliasMove(
            from_=str(version - 1) if version > 1 else None, to=str(version), moves_before=version
        )
        ledger.append(move, run_id=f"scheduled__{version}", who="scheduler")


def live(layout: Layout) -> None:
    """Play the demo, and start a run that will ask for an approval."""
    play(layout, Console())
    airflow = AirflowApi(layout.url("airflow"), USER, ensure_secrets(layout).password)
    trigger_run(airflow, f"{WAITING}__train", {"reason": "api"})


def take_few(browser: Browser, layout: Layout) -> None:
    """Take the pictures of the list and of a model's page: inside Airflow, dark, and on a phone."""
    themes: tuple[Theme, ...] = ("light", "dark")
    for theme in themes:
        with window(browser, layout, DESKTOP, theme) as page:
            wait_for_question(page, layout)
            open_in_airflow(page, layout, "")
            save(page, f"models_{theme}")
            open_in_airflow(page, layout, f"models/{MODEL}")
            save(page, f"model_{theme}")
    with window(browser, layout, PHONE, "light") as page:
        for name, path in (("models_narrow", ""), ("model_narrow", f"models/{MODEL}")):
            page.goto(f"{layout.url('airflow')}/airworthy/{path}", wait_until="networkidle")
            save(page, name)


def take_many(browser: Browser, layout: Layout) -> None:
    """Take the picture of a list with 200 models."""
    with window(browser, layout, DESKTOP, "light") as page:
        open_in_airflow(page, layout, "")
        save(page, "models_200")


@contextmanager
def stack(folder: Path) -> Iterator[Layout]:
    """Run an embedded stack on free ports, with its models and its state in a folder."""
    os.environ["AIRWORTHY_MODELS"] = str(folder / "models")
    os.environ["AIRWORTHY_STATE"] = str(folder / "state")
    for variable, _ in PORT_VARIABLES.values():
        os.environ[variable] = str(free_port())
    try:
        subprocess.run([*STACK, "up"], check=True)
        yield load_layout()
    finally:
        subprocess.run([*STACK, "down"], check=True)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        raise SystemExit("Chromium is not on this machine. Next: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield running
        running.close()


@contextmanager
def window(browser: Browser, layout: Layout, size: tuple[int, int], theme: Theme) -> Iterator[Page]:
    """Open a window and log in to Airflow.

    Args:
        browser: The browser.
        layout: The stack.
        size: Width and height in pixels.
        theme: The colours that the system wants.
    """
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    page.goto(layout.url("airflow"))
    page.get_by_label("Username").fill(USER)
    page.get_by_label("Password", exact=True).fill(ensure_secrets(layout).password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    yield page
    context.close()


def wait_for_question(page: Page, layout: Layout) -> None:
    """Wait until a person is asked for an approval."""
    page.goto(f"{layout.url('airflow')}/required_actions")
    expect(page.get_by_role("link", name="may it take over").first).to_be_visible()


def open_in_airflow(page: Page, layout: Layout, path: str) -> None:
    """Open one of our pages inside Airflow, and wait until it is drawn.

    Args:
        page: The window.
        layout: The stack.
        path: The page's path below ``/airworthy/``.
    """
    page.goto(f"{layout.url('airflow')}/plugin/models/airworthy/{path}", wait_until="networkidle")
    expect(page.frame_locator("iframe").get_by_role("heading").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def save(page: Page, name: str) -> None:
    """Write a picture with few colours: the repository keeps it."""
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as image:
        small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    path = FOLDER / f"{name}.png"
    small.save(path, optimize=True)
    print(f"{path.relative_to(PROJECT)}  {path.stat().st_size / 1000:.0f} kB", flush=True)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
