"""What Picamera2 imports from here."""


class Picamera2Camera:
    """Describes a camera to PiDNG."""

    def __init__(self, *_facts: object, **_more: object) -> None:
        raise RuntimeError("PiDNG is a stub here: DNG cannot be written")
