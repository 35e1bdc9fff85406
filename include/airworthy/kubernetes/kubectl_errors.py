"""Turns kubectl's words on standard error into an error with a next step."""

from __future__ import annotations

import re
from typing import NamedTuple

from airworthy.errors import AirworthyError, TerminalError, TransientError


class _Kind(NamedTuple):
    words: str
    problem: str
    next_step: str
    error: type[AirworthyError] = TerminalError


_LOGGED = re.compile(r'err="((?:[^"\\]|\\.)*)"')
_LOOK = "kubectl cluster-info says whether the cluster answers"
# The first kind whose words are in the text.
_KINDS = (
    _Kind(
        r"no matches for kind|resource mapping not found",
        "the cluster does not know a kind of the manifests",
        "install the operator that brings this kind, or leave the part out: --part",
    ),
    _Kind(
        r"Apply failed with \d+ conflict",
        "somebody else has set fields of these objects",
        "take them over with --force-conflicts, or take them out of the overlay",
    ),
    _Kind(
        r"context .* does not exist|no context exists|context was not found",
        "the kubeconfig has no such context",
        "kubectl config get-contexts lists them",
    ),
    _Kind(
        r"namespaces \S+ not found",
        "the cluster does not have the namespace",
        "kubectl create namespace NAME, or apply the part model_server with it: it has the namespace",
    ),
    _Kind(
        r"must be logged in|Unauthorized|provide credentials",
        "the cluster does not know this login",
        "log in to the cluster again; kubectl auth whoami says as whom",
    ),
    _Kind(
        r"exceeded quota",
        "a quota of the namespace is used up",
        "raise the ResourceQuota, or lower the requests in the overlay",
    ),
    _Kind(
        r"violates PodSecurity",
        "the namespace's Pod Security Standard refuses the pods",
        "make the patch of the overlay restricted again",
    ),
    _Kind(
        r"is being terminated",
        "the namespace is being deleted",
        "wait for its end, then apply again",
        TransientError,
    ),
    _Kind(
        r"forbidden",
        "this login may not do that in the cluster",
        "ask the cluster's owner for the right; kubectl auth can-i --list says what there is",
    ),
    _Kind(r"denied the request", "a policy of the cluster refuses the manifests", "see received"),
    _Kind(
        r"no configuration has been provided|localhost:8080|stat .*config.*no such file",
        "there is no cluster to talk to",
        "name a kubeconfig: export KUBECONFIG=..., or --context",
    ),
    _Kind(
        r"x509|certificate",
        "the cluster's certificate is not trusted",
        "get the kubeconfig anew from the cluster's owner",
    ),
    _Kind(
        r"refused|no such host|timeout|timed out|deadline exceeded|unreachable|EOF|reset by peer"
        r"|unable to connect|TLS handshake|ServiceUnavailable|TooManyRequests|InternalError"
        r"|unable to handle the request|currently unable",
        "the cluster does not answer",
        _LOOK,
        TransientError,
    ),
    _Kind(
        r"is invalid|unknown field|strict decoding|field is immutable|error validating",
        "the cluster does not take the manifests",
        "correct the overlay; airworthy render shows what was sent",
    ),
)


def kubectl_error(text: str, command: str) -> AirworthyError:
    """Return the error for what kubectl has said.

    Args:
        text: Its standard error.
        command: Its command, such as ``apply``.

    >>> kubectl_error("The connection to the server 10.0.0.1:6443 was refused", "get").problem
    'the cluster does not answer'
    """
    said = said_in_short(text) or f"kubectl {command} failed without a word"
    for kind in _KINDS:
        if re.search(kind.words, text, re.IGNORECASE):
            return kind.error(kind.problem, received=said, next_step=kind.next_step)
    return TerminalError(
        f"kubectl {command} failed", received=said, next_step=f"correct this, or {_LOOK}"
    )


def said_in_short(text: str) -> str:
    r"""Return the lines that say something, without the log lines of kubectl's libraries.

    >>> said_in_short('E1127 14:51:01.5 run.go:72] "command failed" err="no \\"x\\" here"')
    'no "x" here'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    logged = [line for line in lines if re.match(r"[EWI]\d{4} ", line)]
    said = [line for line in lines if line not in logged and not line.startswith("Warning:")]
    errors = [match[1].replace('\\"', '"') for line in logged if (match := _LOGGED.search(line))]
    return "\n".join(dict.fromkeys(said or errors or lines))[:2000]
