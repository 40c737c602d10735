"""Stands in for pykms, which Debian does not have: Picamera2 imports it, and only previews on a screen need it."""


class _AnyName(type):
    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class PixelFormat(metaclass=_AnyName):
    """Has every pixel format that is asked for, as its name."""


class Card:
    """A graphics card."""

    def __init__(self, *_facts: object, **_more: object) -> None:
        raise RuntimeError("pykms is a stub here: there is no screen")


ResourceManager = Card
