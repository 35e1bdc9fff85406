"""Tests of infra/kubernetes, and of the commands that render and apply it."""
