"""The demo: from nothing to a served model, on the real parts."""
