"""The lake: a model's source data as Delta tables, one atomic commit per partition, with content digests."""

from airworthy.lake.records import PartitionRecord
from airworthy.lake.table import Lake, open_lake

__all__ = ["Lake", "PartitionRecord", "open_lake"]
