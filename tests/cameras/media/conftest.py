"""The threads of the driver."""

import threading
from collections.abc import Iterator

import pytest

LONG_ENOUGH = 60


@pytest.fixture(autouse=True)
def threads_have_ended() -> Iterator[None]:
    """Wait for the threads of silent connections, which `close` leaves to their timeout."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("media "):
            thread.join(LONG_ENOUGH)
            assert not thread.is_alive()
