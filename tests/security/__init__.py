"""Attacks: each control of docs/threat-model.md is tried by somebody who is not trusted."""
