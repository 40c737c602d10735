"""Fixtures for all tests, and the option that adds the camera lab."""

import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from blockbuster import BlockBuster

from soft_stream.config.settings import Settings
from tests.older_programs.judge import Judge
from tests.older_programs.promises import load
from tests.support.resources import forget_handlers, left_open, open_resources
from tests.support.server import QUICK, Portal, StartPortal, running


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for tests that boot whole machines; see tests/end_to_end/lab."""
    parser.addoption("--lab", action="store_true", help="run the camera lab, too")


def pytest_configure(config: pytest.Config) -> None:
    """Add the judge of the promises that the older programs made; see tests/older_programs."""
    config.pluginmanager.register(Judge(load().promises, with_lab=config.getoption("--lab")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the soak tests, unless -m names them."""
    if "soak" not in config.option.markexpr:
        soak = [each for each in items if each.get_closest_marker("soak")]
        items[:] = [each for each in items if each not in soak]
        config.hook.pytest_deselected(items=soak)


def pytest_collection_finish() -> None:
    """Leave out what is imported by now when the garbage collector runs after each test: that makes it quick."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_stays_open(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail the test that leaves something open, not a later one in which the garbage collector finds it."""
    before = open_resources()
    yield
    for record in caplog.get_records("call"):
        record.exc_info = None  # its traceback keeps alive what the frames have open
    forget_handlers()
    gc.collect()  # raises the ResourceWarnings of this test
    assert left_open(before) == set()


@pytest.fixture(scope="session")
def blockbuster() -> BlockBuster:
    """Find once what may block."""
    return BlockBuster(scanned_modules=["soft_stream"])


@pytest.fixture(autouse=True)
def _nothing_blocks_the_event_loop(blockbuster: BlockBuster) -> Iterator[None]:
    """Raise where the product would block the thread of the event loop."""
    blockbuster.activate()
    yield
    blockbuster.deactivate()


@pytest.fixture
async def start_portal() -> AsyncIterator[StartPortal]:
    """Return a function that starts servers with QUICK settings and changes; all stop when the test ends."""
    async with AsyncExitStack() as portals:

        async def start(*, cameras: dict[int, Settings] | None = None, port: int = 0, **changes: Any) -> Portal:
            return await portals.enter_async_context(running(replace(QUICK, **changes), cameras, port=port))

        yield start


@pytest.fixture
async def portal(start_portal: StartPortal) -> Portal:
    """Start a server with the QUICK settings."""
    return await start_portal()
