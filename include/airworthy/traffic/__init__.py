"""Traffic: which version answers, by the ledger; and the reports of the servers that follow it."""

from airworthy.traffic.traffic_state import Candidate, Rollout, ServedVersion, Traffic, traffic_of

__all__ = ["Candidate", "Rollout", "ServedVersion", "Traffic", "traffic_of"]
