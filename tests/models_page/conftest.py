"""A site with the Models page: real Airflow application, database and logins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests import temporary_airflow_home  # noqa: F401 - before any import of Airflow
from tests.security.models_page_site import Site, open_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose model had two releases and is under rollout."""
    with open_site(tmp_path_factory.mktemp("site")) as opened:
        opened.release("1", "2")
        opened.begin_rollout("3", "2")
        yield opened
