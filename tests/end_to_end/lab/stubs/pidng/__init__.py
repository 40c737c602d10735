"""Stands in for PiDNG, which PyPI has as source only: Picamera2 imports it, and only raw stills need it."""
