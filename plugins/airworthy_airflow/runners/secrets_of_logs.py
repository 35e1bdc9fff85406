"""Keeps the secrets of a container's variables out of every log of this task."""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.masking import remember
from airworthy_airflow.runners.stage_call import secret_values


def mask_variables(variables: Mapping[str, str]) -> None:
    """Mask the secret values of variables in Airflow's logs and in Airworthy's own messages."""
    from airflow.sdk.log import mask_secret

    values = secret_values(variables)
    remember(values)
    for value in sorted(values):
        mask_secret(value)
