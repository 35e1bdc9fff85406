"""The prediction log: every answer of the model server, first in a local spool, then in the lake."""
