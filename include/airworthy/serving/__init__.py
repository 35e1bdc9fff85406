"""The model server: it loads registered versions and answers scoring requests over HTTP."""
