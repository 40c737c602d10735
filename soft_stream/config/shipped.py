"""The settings file that is shipped with the program: the reference, and the first settings."""

from pathlib import Path

from soft_stream.config.loader import LOCAL_FILE
from soft_stream.config.settings_file import with_defaults

PACKAGE = Path(__file__).resolve().parents[1]


def read_shipped() -> str:
    """Return the shipped settings, with the defaults as values: in a checkout the owner may have edited the file.

    Raises:
        OSError: it is missing or cannot be read.
    """
    # of pip, of a checkout, and of a release, which has the package in its folder lib
    places = [folder / LOCAL_FILE for folder in (PACKAGE, PACKAGE.parent, PACKAGE.parents[1])]
    file = next((place for place in places if place.is_file()), places[0])
    return with_defaults(file.read_text(encoding="utf-8"))
