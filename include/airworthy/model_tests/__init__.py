"""A user's own tests of one model: ``tests.yaml``, ``test_*.py``, ``behaviour.py``, a delivery."""

from airworthy.model_tests.feature_values import feature_values

__all__ = ["feature_values"]
