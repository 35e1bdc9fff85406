"""The model server starts without needless packages."""

from __future__ import annotations

import json
import subprocess
import sys


def test_the_server_imports_no_grpc() -> None:
    """Flags are evaluated in the server's own process: starting it imports neither gRPC nor flagd's
    gRPC messages.
    """
    probe = (
        "import json, sys\n"
        "import airworthy.serving.uvicorn_server, airworthy.serving.app\n"
        "print(json.dumps(sorted(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=120, check=True
    )

    imported = set(json.loads(done.stdout))
    assert "openfeature.contrib.tools.flagd.core" in imported
    assert imported.isdisjoint(
        {"grpc", "openfeature.contrib.provider.flagd", "openfeature.schemas"}
    )
