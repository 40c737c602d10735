"""Handlers that return pictures or JSON, and handlers that change something."""
