"""Model specs: the declaration of a model, parsed once into a frozen object."""

from airworthy.spec.loading import SpecError, find_specs, load_spec
from airworthy.spec.model_spec import ModelSpec

__all__ = ["ModelSpec", "SpecError", "find_specs", "load_spec"]
