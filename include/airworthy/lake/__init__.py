"""The lake: a model's rows in Delta tables, with atomic commits and content digests."""

from airworthy.lake.lake import Lake, open_lake
from airworthy.lake.partition_records import PartitionRecord

__all__ = ["Lake", "PartitionRecord", "open_lake"]
