"""Monitoring of data and champions: skew, drift, label shift, and rising errors of live windows."""
