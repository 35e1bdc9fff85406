"""Release: from an approved version to one that serves."""
