"""The objects that a cluster's controllers make of an applied Deployment: ReplicaSet, pods, status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .api_server import Cluster

NAMESPACE = "airworthy-dev"
POD = "model-server-7f-x1"
_REVISION = {"deployment.kubernetes.io/revision": "1"}

READY: dict[str, Any] = {
    "phase": "Running",
    "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
    "containerStatuses": [
        {
            "name": "server",
            "image": "airworthy-server:0.3.0",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {}},
        }
    ],
}


def come_up(cluster: Cluster, status: Mapping[str, Any], **deployment_status: Any) -> None:
    """Give each applied Deployment a ReplicaSet with one pod of a status.

    Args:
        cluster: The cluster.
        status: The pod's status.
        deployment_status: What the Deployment's status has beside its counts.
    """
    ready = status == READY
    for deployment in cluster.of("Deployment"):
        name = deployment["metadata"]["name"]
        deployment["metadata"]["annotations"] = _REVISION
        deployment["spec"].setdefault("replicas", 1)
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": int(ready),
            **deployment_status,
        }
        cluster.put("replicasets", replica_set(deployment))
        cluster.put("pods", pod(f"{name}-7f-x1", f"uid-rs-{name}", status))


def replica_set(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the newest ReplicaSet of a Deployment."""
    name = deployment["metadata"]["name"]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-7f",
            "namespace": deployment["metadata"]["namespace"],
            "uid": f"uid-rs-{name}",
            "annotations": _REVISION,
            "ownerReferences": [{"kind": "Deployment", "uid": deployment["metadata"]["uid"]}],
        },
    }


def pod(name: str, owner: str, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod of the model server."""
    resources = {"limits": {"memory": "2Gi"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "ownerReferences": [{"kind": "ReplicaSet", "uid": owner}],
        },
        "spec": {"containers": [{"name": "server", "resources": resources}]},
        "status": dict(status),
    }


def pod_event(reason: str, message: str, of: str = f"uid-{POD}") -> dict[str, Any]:
    """Return an event."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{reason}-{of}", "namespace": NAMESPACE},
        "involvedObject": {"uid": of},
        "reason": reason,
        "message": message,
        "lastTimestamp": "2026-11-27T12:00:00Z",
    }
