"""Measures how a model's error grows with its age, and the age that is worth an alert."""
