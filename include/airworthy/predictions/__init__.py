"""The prediction log: all answers of the model server, in a local spool and then in the lake."""
