"""The digest of the spec's keys that decide about the rows of a partition."""

from __future__ import annotations

import hashlib
import json

from airworthy.job import Job
from airworthy.masking import shown_url

_OF_PREPROCESSING = {
    "source",
    "event_time",
    "time_format",
    "time_zone",
    "repeated_hour",
    "static",
    "key",
    "null_values",
    "positive",
    "negative",
    "since",
    "same_key",
    "columns",
}


def preprocessing_digest(job: Job) -> str:
    """Return the digest of the spec's keys with an effect on the rows of a partition.

    A secret of a database's address has none: a digest of it would help to guess it.
    """
    ingest = job.spec.ingest.digest_form()
    declared = {name: value for name, value in ingest.items() if name in _OF_PREPROCESSING}
    if declared["source"].get("url"):
        declared["source"]["url"] = shown_url(declared["source"]["url"])
    return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()
