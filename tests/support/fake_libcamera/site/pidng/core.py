"""What Picamera2 wants at import for raw files."""


class PICAM2DNG:
    """Writes raw files, but not here."""
