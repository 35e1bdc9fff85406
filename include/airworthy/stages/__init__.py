"""The stages as plain typed functions, one module each, and `run_stage` for a stage by its name."""

from airworthy.stages.run import run_stage

__all__ = ["run_stage"]
