"""The state of models as people look at it: a line for each model, and the history of one."""
