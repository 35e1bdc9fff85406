"""Takes the pictures of docs/screenshots in a real browser: `make screenshots`.

200 models are recorded as the product's own code records them, without a training: the figures are made up.
Airflow's API server shows them. No scheduler runs, so no run is among the pictures.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from tests.core.model_status.recorded_model import RecordedModel  # noqa: E402

from airworthy.environment import load_environment  # noqa: E402
from airworthy.ledger.events import RolloutStep, StagingCheck  # noqa: E402
from airworthy_airflow.stack.layout import PORT_VARIABLES, Layout, load_layout  # noqa: E402
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets  # noqa: E402
from airworthy_airflow.stack.settings import process_environment  # noqa: E402

FOLDER = PROJECT / "docs" / "screenshots"
MODELS = 200
SHOWN = "delivery_drift"
CITIES = ("aarhus", "bergen", "malmo", "oslo", "turku")
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
COLOURS = 128
WITHIN_SECONDS = 600.0

Theme = Literal["light", "dark"]


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=WITHIN_SECONDS * 1000)
    with tempfile.TemporaryDirectory() as scratch:
        layout = make_layout(Path(scratch))
        record_models()
        with airflow(layout), chromium() as browser:
            take_pictures(browser, layout)


def make_layout(folder: Path) -> Layout:
    """Return the layout of a stack of its own: free ports, models and state in a folder."""
    os.environ["AIRWORTHY_MODELS"] = str(folder / "models")
    os.environ["AIRWORTHY_STATE"] = str(folder / "state")
    for variable, _ in PORT_VARIABLES.values():
        os.environ[variable] = str(free_port())
    return load_layout()


def record_models() -> None:
    """Record three models with a history, and others with a little."""
    record_drift(SHOWN)
    record_waiting("delivery_late")
    record_rollout("delivery_eta")
    for number in range(MODELS - 3):
        city = CITIES[number % len(CITIES)]
        record(f"{city}_{number:03}", rmse=2.5 + number % 7 / 4, looks=2 + number % 2)


def record(model: str, rmse: float, looks: int) -> RecordedModel:
    """Record a release and some looks of the monitor; return the model.

    Args:
        model: Its name.
        rmse: The champion's error.
        looks: The number of looks.
    """
    made = RecordedModel(load_environment(), model)
    made.write_spec(owner="logistics-ml@example.org")
    made.train(rmse=rmse)
    for number in range(looks):
        made.look(rmse=rmse + number % 5 / 10)
    return made


def record_drift(model: str) -> None:
    """Record a model that drifted, was trained again, and drifts anew."""
    made = record(model, rmse=3.0, looks=14)
    for number in range(6):
        made.look(rmse=4.0 + number, drifted=True, worse=number > 2)
    made.train(rmse=10.4, released=False, champion_rmse=9.1)
    made.train(rmse=3.4, champion_rmse=9.2)
    for number in range(12):
        made.look(rmse=3.4 + number % 4 / 10)
    made.look(rmse=5.2, drifted=True)


def record_waiting(model: str) -> None:
    """Record a model whose second version waits for an approval."""
    made = record(model, rmse=3.1, looks=5)
    version = made.train(rmse=2.8, released=False)
    made.append(StagingCheck(version=version, passed=True), f"train__{made.days}")


def record_rollout(model: str) -> None:
    """Record a model whose second version has a tenth of the requests."""
    made = record(model, rmse=2.9, looks=5)
    version = made.train(rmse=2.7, released=False)
    step = RolloutStep(
        version=version,
        bundle_digest=version * 64,
        step=10,
        state="begun",
        champion=made.champion,
        since=datetime.now(UTC),
    )
    made.append(step, f"train__{made.days}")


@contextmanager
def airflow(layout: Layout) -> Iterator[None]:
    """Run Airflow's API server on the models' DAGs, which are not paused."""
    variables = process_environment(layout, ensure_secrets(layout), dict(os.environ))
    variables["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = "False"
    command = str(Path(sys.executable).parent / "airflow")
    layout.airflow_home.mkdir(parents=True)
    for words in (["db", "migrate"], ["dags", "reserialize"]):
        subprocess.run([command, *words], env=variables, check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([command, "api-server"], env=variables, stdout=subprocess.DEVNULL)
    try:
        wait_until_up(f"{layout.url('airflow')}/api/v2/version")
        yield
    finally:
        server.terminate()
        server.wait()


def wait_until_up(address: str) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(address, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise SystemExit(f"{address} does not answer")


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


def take_pictures(browser: Browser, layout: Layout) -> None:
    """Take the pictures of the list and of a model's page: light, dark, and on a phone."""
    themes: tuple[Theme, ...] = ("light", "dark")
    for theme in themes:
        with window(browser, layout, DESKTOP, theme) as page:
            take(page, layout, f"models_{theme}", "/plugin/models/airworthy/?q=delivery")
            take(page, layout, f"model_{theme}", f"/plugin/models/airworthy/models/{SHOWN}")
    with window(browser, layout, DESKTOP, "light") as page:
        take(page, layout, "models_200", "/plugin/models/airworthy/")
    with window(browser, layout, PHONE, "light") as page:
        take(page, layout, "models_narrow", "/airworthy/?q=delivery")
        take(page, layout, "model_narrow", f"/airworthy/models/{SHOWN}")


@contextmanager
def window(browser: Browser, layout: Layout, size: ViewportSize, theme: Theme) -> Iterator[Page]:
    """Open a window and log in to Airflow.

    Args:
        browser: The browser.
        layout: The stack.
        size: Width and height in pixels.
        theme: The colours that the system wants.
    """
    context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
    context.set_default_timeout(WITHIN_SECONDS * 1000)
    page = context.new_page()
    page.goto(layout.url("airflow"))
    page.get_by_label("Username").fill(USER)
    page.get_by_label("Password", exact=True).fill(ensure_secrets(layout).password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    yield page
    context.close()


def take(page: Page, layout: Layout, name: str, path: str) -> None:
    """Open a page, wait until it is drawn, and write its picture with few colours.

    Args:
        page: The window.
        layout: The stack.
        name: The picture's name.
        path: The page's path in Airflow.
    """
    page.goto(layout.url("airflow") + path)
    inside = path.startswith("/plugin/")
    place = page.frame_locator("iframe[title='Models']") if inside else page
    expect(place.get_by_role("main")).to_be_visible()
    page.wait_for_load_state("networkidle")
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as image:
        small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    file = FOLDER / f"{name}.png"
    small.save(file, optimize=True)
    print(f"{file.relative_to(PROJECT)}  {file.stat().st_size / 1000:.0f} kB", flush=True)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
