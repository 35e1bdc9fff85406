"""The models that this repository ships, by name: a user's models beside them are no part of it."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
MODELS = PROJECT / "include" / "models"
SHIPPED = ("bike_demand", "delivery_drift", "delivery_eta", "delivery_late")
