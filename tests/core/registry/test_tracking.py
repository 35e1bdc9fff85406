"""MLflow's files lie where every machine finds them."""

from __future__ import annotations

import pytest

from airworthy.environment import Environment
from airworthy.registry.tracking import artifact_location


@pytest.mark.parametrize("address", ["sqlite:////shared/mlflow.db", "postgresql://db/mlflow"])
def test_without_a_server_the_environment_says_where(
    environment: Environment, address: str
) -> None:
    """At a database's address MLflow would take the current folder of whoever came first."""
    there = environment.model_copy(
        update={"tracking_uri": address, "artifacts": "s3://bucket/artifacts"}
    )
    assert artifact_location(there, "eta") == "s3://bucket/artifacts/eta"
    on_disk = there.model_copy(update={"artifacts": "/shared/artifacts"})
    assert artifact_location(on_disk, "eta") == "file:///shared/artifacts/eta"


def test_a_server_decides_itself(environment: Environment) -> None:
    """A tracking server has a default of its own."""
    there = environment.model_copy(update={"tracking_uri": "https://mlflow.example.org"})
    assert artifact_location(there, "eta") is None
