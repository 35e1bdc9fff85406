"""A request that Kubernetes' API refuses, in one sentence: by its status and its own words. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal

from airworthy_airflow.runners.place_fault import PlaceFault

BUSY = frozenset({408, 409, 429, 500, 502, 503, 504})
"""The API server, a quota's counter or an admission webhook cannot answer now."""
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>\S+), requested: (?P<requested>\S+), used: (?P<used>\S+), "
    r"limited: (?P<limited>\S+)"
)
_UNAUTHORIZED, _NOT_FOUND, _TOO_LARGE = 401, 404, 413
# Pattern of the API server's words -> sentence and next step. All of them are final.
_FORBIDDEN = (
    (
        r"failed quota: (\S+): must specify (?P<what>[^\"]+)",
        "the namespace's quota asks for a limit that the stage has not: {what}",
        "name cpus and memory_mib in kubernetes.resources.default",
    ),
    (
        r"violates PodSecurity \"(?P<what>[^\"]+)\": (?P<why>.*)",
        "the pod breaks the namespace's Pod Security Standard {what}",
        "correct kubernetes.security_context, kubernetes.pod_security_context or the pod template",
    ),
    (
        r"(?P<what>(?:maximum|minimum) \S+ usage per \S+ is [^\"]+)",
        "the stage's limits are outside the namespace's LimitRange: {what}",
        "correct kubernetes.resources in the environment's file",
    ),
    (
        r"error looking up service account (?P<what>\S+): .*not found",
        "there is no service account {what}",
        "create it, or correct kubernetes.service_account",
    ),
    (
        r"no PriorityClass with name (?P<what>\S+) was found",
        "there is no PriorityClass {what}",
        "create it, or correct priority_class in kubernetes.resources",
    ),
    (
        r"because it is being terminated",
        "the namespace is being deleted",
        "create it again, or correct kubernetes.namespace",
    ),
    (
        r"User (?P<what>\S+) cannot (?P<why>.+)",
        "Airflow has not the right to run pods: {what} cannot {why}",
        "give it a Role with create, get, list, watch and delete of pods, get of pods/log, and list "
        "of events",
    ),
)


def refusal_of(status: int | None, body: str | bytes | None, namespace: str) -> PlaceFault:
    """Return the fault behind an answer of the API server.

    Args:
        status: The HTTP status.
        body: The answer's body: a Kubernetes ``Status`` as JSON, or any text.
        namespace: The namespace of the pod.
    """
    words = _words(body)
    if status in BUSY or status is None:
        return PlaceFault(
            "the cluster's API server does not answer as it should",
            "check the cluster, and its admission webhooks, then clear the task",
            received=words or f"HTTP {status}",
        )
    quota = _QUOTA.search(words)
    if quota is not None:
        return _quota_fault(quota)
    if status == _UNAUTHORIZED:
        return _final("the cluster does not accept the credentials", _OF_CONNECTION, words)
    if status == _NOT_FOUND and "namespaces" in words:
        text = f"there is no namespace {namespace} in the cluster"
        return _final(text, "create it, or correct kubernetes.namespace", words)
    if status == _TOO_LARGE:
        return _final("the pod's specification is too large", "shorten train.lookback", words)
    for pattern, sentence, next_step in _FORBIDDEN:
        found = re.search(pattern, words)
        if found is not None:
            return _final(sentence.format(**_parts(found)), next_step, words)
    text = "the cluster refuses the pod's specification"
    return _final(text, "correct the settings of kubernetes that it names", words)


def is_passing(fault: PlaceFault) -> bool:
    """Return whether the same request may be accepted in a while."""
    return not fault.final


_OF_CONNECTION = "correct kubernetes.connection, or the service account of Airflow's pods"


def _final(problem: str, next_step: str, words: str) -> PlaceFault:
    return PlaceFault(problem, next_step, final=True, received=words or None)


def _parts(found: re.Match[str]) -> Mapping[str, str]:
    parts = {"what": "", "why": ""} | {k: v or "" for k, v in found.groupdict().items()}
    return {name: value.strip("\"' .") for name, value in parts.items()}


def _quota_fault(found: re.Match[str]) -> PlaceFault:
    """Return the fault of a quota: a pod that can never fit is final, a full namespace is not."""
    requested, limited = _amounts(found["requested"]), _amounts(found["limited"])
    never = [name for name in requested if requested[name] > limited.get(name, requested[name])]
    if never:
        return _final(
            f"the stage asks for more {', '.join(never)} than the namespace's quota "
            f"{found['name']} has",
            "raise the quota, or lower kubernetes.resources",
            found[0],
        )
    return PlaceFault(
        f"the namespace's quota {found['name']} is used up",
        "wait for other pods, raise the quota, or lower kubernetes.resources",
        received=found[0],
    )


def _amounts(text: str) -> dict[str, Decimal]:
    from kubernetes.utils.quantity import parse_quantity

    pairs = (each.partition("=") for each in text.split(","))
    return {name: parse_quantity(value) for name, _, value in pairs}


def _words(body: str | bytes | None) -> str:
    """Return the message of a ``Status``; of another body its begin."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    try:
        content = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:500]
    return str(content.get("message") or "") if isinstance(content, dict) else text[:500]
