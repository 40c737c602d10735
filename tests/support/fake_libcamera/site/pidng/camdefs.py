"""The names that Picamera2 imports for raw files."""


class Picamera2Camera:
    """The camera description in a raw file; not used here."""
