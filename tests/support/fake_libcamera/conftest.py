"""The end of each test with a fake camera."""

from collections.abc import Iterator

import pytest

from tests.support.fake_libcamera import memory


@pytest.fixture(autouse=True)
def world_ends() -> Iterator[None]:
    """Close what is open: Picamera2 keeps its camera manager until the last camera closes."""
    yield
    memory.leave()
