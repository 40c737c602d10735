"""The source of each test of the contract."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from soft_stream.cameras.base import Camera
from tests.cameras.contract.sources import SOURCES, module_of, new_source_of
from tests.support.sources.base import Source

IN_CHILD = "CONTRACT_SOURCE"
"""The environment variable that names the source whose tests a child process runs."""


def runs_in_child(key: str) -> bool:
    """Return whether the tests of a source need a process of their own."""
    return hasattr(module_of(key), "environment")


def _parameters() -> list[object]:
    """Return the sources whose tests run in this process."""
    child = os.environ.get(IN_CHILD)
    here = [child] if child else [key for key in SOURCES if module_of(key) and not runs_in_child(key)]
    return [pytest.param(key, marks=getattr(module_of(key), "MARKS", []), id=key.replace(" ", "-")) for key in here]


@pytest.fixture(params=_parameters())
def source_name(request: pytest.FixtureRequest) -> str:
    """Return the key of a source."""
    return str(request.param)


@pytest.fixture
def source(source_name: str, tmp_path: Path) -> Iterator[Source]:
    """Make a source, which delivers frames."""
    with new_source_of(source_name)(tmp_path) as source:
        yield source


@pytest.fixture
def camera(source: Source) -> Iterator[Camera]:
    """Return an open driver of the source, which is closed in the end."""
    camera = source.new_camera()
    try:
        camera.open()
        yield camera
    finally:
        camera.close()
