"""Gates: the pure step from measurements to a verdict."""
