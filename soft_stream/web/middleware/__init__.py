"""Checks and answers that apply to every request."""
