"""What Picamera2 wants at import for raw files."""


class Picamera2Camera:
    """Describes a camera to a raw file, but not here."""
