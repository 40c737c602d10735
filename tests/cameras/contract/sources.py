"""The sources for the tests of the contract; every value of the setting `source` has one or more.

A key is the value, and a word that distinguishes several sources with the same one.
"""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from tests.support.sources.base import NewSource

SOURCES: dict[str, str] = {
    "picamera": "tests.support.sources.picamera:new_source",
    "picamera webcam": "tests.support.sources.picamera:new_webcam",
    "test-pattern": "tests.support.sources.synthetic:new_source",
    "folder": "tests.support.sources.folder:new_source",
    "folder new": "tests.support.sources.folder:new_growing_source",
    "http": "tests.support.sources.http:new_source",
    "v4l2": "tests.support.sources.v4l2:new_source",
    "media": "tests.support.sources.media:new_source",
    "media file": "tests.support.sources.media:new_file",
    "gphoto": "tests.support.sources.gphoto:new_source",
}


def module_of(key: str) -> ModuleType | None:
    """Return the module of a source; None if it does not exist."""
    name = SOURCES[key].partition(":")[0]
    return import_module(name) if find_spec(name) else None


def new_source_of(key: str) -> NewSource:
    """Return the function that makes a source."""
    name, _, function = SOURCES[key].partition(":")
    new_source: NewSource = getattr(import_module(name), function)
    return new_source
