"""Promotion: a registered version moves from one environment to another, with rows and evidence."""

from airworthy.promotion.place import Place, read_place, require_two
from airworthy.promotion.promote_version import Promotion, promote_version

__all__ = ["Place", "Promotion", "promote_version", "read_place", "require_two"]
