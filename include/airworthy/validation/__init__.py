"""Great Expectations over partitions: each partition is one batch, validated once."""
