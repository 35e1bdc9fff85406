"""Release: from an approved version to the version that serves."""
