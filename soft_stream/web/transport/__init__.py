"""Sockets, TLS, and the time limits of a connection."""
