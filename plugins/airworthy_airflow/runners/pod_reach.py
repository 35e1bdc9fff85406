"""Whether a pod can reach what its caller names: a folder or an address of one machine it cannot."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from airworthy.environment import OVERRIDES
from airworthy.errors import TerminalPlaceError
from airworthy.object_store import local_folder
from airworthy.runners import KubernetesSettings
from airworthy_airflow.runners.stage_call import StageCall

_ASK_SERVERS = {
    "deploy_staging", "deploy_production", "rollout", "rollback", "rollback_drill", "watch",
}  # fmt: skip


def require_reach(
    call: StageCall, settings: KubernetesSettings, template: dict[str, Any] | None
) -> None:
    """Refuse a stage whose pod cannot reach its lake, MLflow or model server.

    What a Secret or a ConfigMap names is not seen, and not judged. Volumes of a template may have any
    folder.

    Args:
        call: The call of the stage.
        settings: The settings of the cluster.
        template: The pod's template, if there is one.

    Raises:
        TerminalPlaceError: when it cannot. It names the variable or the key.
    """
    if template is None and local_folder(call.environment.lake) is not None:
        raise _unreachable(
            call,
            "the lake is a folder of this machine, which a pod does not see",
            call.environment.lake,
            "name an object store (s3://...) as lake, or mount a volume by kubernetes.pod_template",
        )
    if (template or {}).get("spec", {}).get("hostNetwork"):
        return
    for key in ("tracking_uri", "server_url", "staging_server_url"):
        unseen = settings.secrets or settings.config_maps
        if unseen or (key != "tracking_uri" and call.stage not in _ASK_SERVERS):
            continue
        variable = OVERRIDES[key]
        address = settings.environment.get(variable) or getattr(call.environment, key)
        if address and (_is_loopback(address) or (template is None and _is_file(address))):
            raise _unreachable(
                call,
                f"{key} is an address of this machine, which a pod does not reach",
                address,
                f"kubernetes.environment: {{{variable}: ...}}, with an address that pods reach",
            )


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_file(address: str) -> bool:
    return address.startswith("sqlite:") or local_folder(address) is not None


def _unreachable(call: StageCall, problem: str, received: str, next_step: str) -> Exception:
    return TerminalPlaceError(
        problem, model=call.model, stage=call.stage, received=received, next_step=next_step
    )
