"""Clients, re-implemented by their rules: the bytes of an answer go in, cut anywhere, and the shown JPEGs come out.

Read `client.py` first. Each other file is one client; its docstring names the source and the quirks that matter.
"""
