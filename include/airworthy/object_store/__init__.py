"""Objects on a disk or in an S3-compatible object store, and the settings to reach it.

Credentials and the endpoint come from the standard variables of AWS (`VARIABLES`). delta-rs, Polars
and MLflow read the same ones; `delta_options` and `polars_options` give the first two the same
timeouts.
"""

from airworthy.object_store.settings import (
    CREDENTIALS,
    VARIABLES,
    delta_options,
    endpoint,
    local_folder,
    polars_options,
)
from airworthy.object_store.store import ObjectInfo, ObjectStore, StoredObject, open_store
from airworthy.object_store.store_errors import is_refusal, reason, store_error, store_errors

__all__ = [
    "CREDENTIALS",
    "VARIABLES",
    "ObjectInfo",
    "ObjectStore",
    "StoredObject",
    "delta_options",
    "endpoint",
    "is_refusal",
    "local_folder",
    "open_store",
    "polars_options",
    "reason",
    "store_error",
    "store_errors",
]
