"""How a model's quality decays with its age, and the age from which that is worth an alert."""
