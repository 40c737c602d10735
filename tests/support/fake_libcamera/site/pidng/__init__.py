"""The names that Picamera2 imports for raw files."""
