"""The tests of manifests need kubectl."""

from __future__ import annotations

import os
import shutil

import pytest

DEMANDED = "AIRWORTHY_DEMAND_KUBECTL"


@pytest.fixture(scope="session")
def kubectl() -> str:
    """The path of kubectl. Without it these tests are left out, unless the variable demands it."""
    path = shutil.which("kubectl")
    if path is None:
        assert not os.environ.get(DEMANDED), f"{DEMANDED} is set, and kubectl is not there"
        pytest.skip("kubectl is not on this machine: https://kubernetes.io/docs/tasks/tools/")
    return path
