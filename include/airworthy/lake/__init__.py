"""The lake: a model's source data as Delta tables, one atomic commit per partition, with content digests."""

from airworthy.lake.lake import Lake, open_lake
from airworthy.lake.partition_records import PartitionRecord

__all__ = ["Lake", "PartitionRecord", "open_lake"]
