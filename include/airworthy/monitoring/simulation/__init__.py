"""Simulation of the monitor: its false alarms without a change, and its delay after a change."""
