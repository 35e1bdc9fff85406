"""The stages as plain typed functions, one module each, and `run_stage`, which runs one by its name."""

from airworthy.stages.run import run_stage

__all__ = ["run_stage"]
