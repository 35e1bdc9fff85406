"""Load on a model server, for benchmarks."""
