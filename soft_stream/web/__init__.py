"""The HTTP server: its routes are in `app.py`; each subpackage has one kind of request handler or helper."""
