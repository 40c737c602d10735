"""What Picamera2 imports from here."""


class PICAM2DNG:
    """Writes DNG files."""

    def __init__(self, *_facts: object, **_more: object) -> None:
        raise RuntimeError("PiDNG is a stub here: DNG cannot be written")
