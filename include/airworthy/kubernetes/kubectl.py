"""Calls of kubectl. It has the login of the cluster; no address or token passes through here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from airworthy.errors import TerminalError, TransientError
from airworthy.kubernetes.kubectl_errors import kubectl_error

_REQUEST_SECONDS = 15
_CALL_SECONDS = 120


class Kubectl:
    """kubectl for one cluster.

    Attributes:
        warnings: What the cluster has warned of so far.
    """

    def __init__(self, context: str | None = None) -> None:
        """Keep the cluster.

        `context` is a context of the kubeconfig; None: its current one.
        """
        self.warnings: list[str] = []
        self._cluster = [f"--request-timeout={_REQUEST_SECONDS}s"]
        if context is not None:
            self._cluster.append(f"--context={context}")

    def read(self, *words: str) -> Any:
        """Return the JSON that a command of the cluster prints.

        Raises:
            TerminalError: when the cluster refuses, or kubectl is missing.
            TransientError: when the cluster does not answer.
        """
        return json.loads(self.ask(*words, "--output=json"))

    def ask(self, *words: str, manifests: str | None = None) -> str:
        """Return what a command of the cluster prints; `manifests` is its standard input.

        Raises:
            TerminalError: when the cluster refuses, or kubectl is missing.
            TransientError: when the cluster does not answer.
        """
        ended = run_kubectl([*words, *self._cluster], manifests)
        if ended.returncode != 0:
            raise kubectl_error(ended.stderr, words[0])
        warned = (line for line in ended.stderr.splitlines() if line.startswith("Warning:"))
        self.warnings += [line for line in warned if line not in self.warnings]
        return ended.stdout


def run_kubectl(
    words: Sequence[str], manifests: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run kubectl, and return its end, whatever it is.

    Args:
        words: The words after ``kubectl``.
        manifests: Its standard input.

    Raises:
        TerminalError: when kubectl is missing.
        TransientError: when it takes more than two minutes.
    """
    try:
        return subprocess.run(
            ["kubectl", *words],
            input=manifests if manifests is not None else "",
            capture_output=True,
            text=True,
            timeout=_CALL_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise TerminalError(
            "kubectl is not installed",
            received="no program kubectl on the path",
            allowed="kubectl 1.27 or newer",
            next_step="install it: https://kubernetes.io/docs/tasks/tools/",
        ) from None
    except subprocess.TimeoutExpired:
        raise TransientError(
            "kubectl did not end",
            received=f"kubectl {words[0]}: no end after {_CALL_SECONDS} s",
            next_step="try again; kubectl cluster-info says whether the cluster answers",
        ) from None
