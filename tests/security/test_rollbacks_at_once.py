"""Two rollbacks that were asked for at once go back one version, not two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.core.release.conftest import make_model, model, released, run_stages, server
from tests.core.stages.conftest import RunStages
from tests.security.ledgers import command

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import RollbackStarted
from airworthy.stages import run_stage
from airworthy.traffic.current_traffic import current_champion

__all__ = ["make_model", "model", "released", "run_stages", "server"]


def _roll_back(name: str, run_id: str, **request: Any) -> dict[str, Any]:
    run = {"model": name, "as_of": "2026-03-22T00:00:00Z", "reason": "manual", "run_id": run_id}
    return run_stage("rollback", {"run": run, "rollback_request": {"reason": "late", **request}})


def test_each_goes_back_from_the_champion_that_it_saw_alone(
    server: str, environment: Environment, model: str, run_stages: RunStages
) -> None:
    """The second one, in a queue or slow to start, finds another champion, and is refused."""
    run_stages(model, last="deploy_production", as_of="2026-03-22", run_id="third")
    asked = datetime.now(UTC).isoformat()
    assert _roll_back(model, "one", requested_at=asked)["to_version"] == "2"
    with pytest.raises(TerminalError, match="since this rollback was asked for") as refused:
        _roll_back(model, "two", requested_at=asked)
    assert "version 3, the champion then" in str(refused.value)
    assert current_champion(environment, model) == "2"
    entries = open_ledger(environment, model).entries()
    assert [entry.kind for entry in entries].count(RollbackStarted.kind) == 1
    # The same run again, such as a retry, has done it. Who names the champion goes on from it.
    assert _roll_back(model, "one", requested_at=asked)["to_version"] == "2"
    stale = command("rollback", model, "--from-version", "3", "--reason", "late")
    assert "version 3 is champion no more" in str(stale.exception)
    named = command("rollback", model, "--from-version", "2", "--reason", "late too")
    assert named.exit_code == 0, named.output
    assert current_champion(environment, model) == "1"
