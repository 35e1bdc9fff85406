"""Kubernetes' Pod Security Standard "restricted", as a function of a pod's specification.

The controls and their order are those of https://kubernetes.io/docs/concepts/security/pod-security-standards/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Spec = Mapping[str, Any]

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
_SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_SECCOMP = {"RuntimeDefault", "Localhost"}


def restricted_findings(spec: Spec) -> list[str]:
    """Return what a pod has that "restricted" forbids, or lacks that it asks for."""
    return [*_pod_findings(spec), *(each for one in containers(spec) for each in _found(one, spec))]


def containers(spec: Spec) -> list[Spec]:
    """Return all containers of a pod."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [each for kind in kinds for each in spec.get(kind) or ()]


def _pod_findings(spec: Spec) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield key
    for volume in spec.get("volumes") or ():
        kinds = set(volume) - {"name"}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']}: {', '.join(sorted(kinds))}"
    context = spec.get("securityContext") or {}
    for sysctl in context.get("sysctls") or ():
        if sysctl["name"] not in _SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    yield from _context_findings("pod", context)


def _found(container: Spec, spec: Spec) -> Iterator[str]:
    name, context = container["name"], container.get("securityContext") or {}
    pod = spec.get("securityContext") or {}
    yield from _context_findings(name, context)
    if context.get("privileged"):
        yield f"{name}: privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation"
    if context.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"{name}: runAsNonRoot"
    seccomp = context.get("seccompProfile") or pod.get("seccompProfile") or {}
    if seccomp.get("type") not in _SECCOMP:
        yield f"{name}: seccompProfile"
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield f"{name}: capabilities are not dropped"
    if set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities are added"
    if context.get("procMount", "Default") != "Default":
        yield f"{name}: procMount"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield f"{name}: hostPort"
    yield from (f"{name}: {where} has a host" for where in _probed_hosts(container))


def _context_findings(name: str, context: Spec) -> Iterator[str]:
    """Yield the findings of controls that pods and containers share."""
    if context.get("runAsUser") == 0:
        yield f"{name}: runAsUser 0"
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in _SELINUX or selinux.get("user") or selinux.get("role"):
        yield f"{name}: seLinuxOptions"
    if (context.get("appArmorProfile") or {}).get("type") == "Unconfined":
        yield f"{name}: appArmorProfile"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{name}: hostProcess"


def _probed_hosts(container: Spec) -> Iterator[str]:
    lifecycle = container.get("lifecycle") or {}
    handlers = {
        key: container.get(key) or {} for key in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    handlers |= {key: lifecycle.get(key) or {} for key in ("postStart", "preStop")}
    for where, handler in handlers.items():
        for action in ("httpGet", "tcpSocket"):
            if (handler.get(action) or {}).get("host"):
                yield where
