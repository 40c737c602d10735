"""The names that Picamera2 imports for raw files."""


class PICAM2DNG:
    """The writer of raw files; not used here."""
