"""What Picamera2 wants at import for raw files."""
