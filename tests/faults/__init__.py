"""Faults of disks, machines and services: what an operator finds after them."""
