"""Clients, re-implemented by their rules: they take the bytes of an answer in any chunks and return the JPEGs shown.

Read `client.py` first. Each other file is one client; its docstring names the source and the quirks that matter.
"""
