"""The lake: a model's source data as Delta tables, one atomic commit per partition, with content digests."""
