"""The lab's system, and machines that are booted from it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import pytest

from tests.lab.container import Container
from tests.lab.guest import CAMERAS, Guest
from tests.lab.tree import Tree, Unavailable, provide

BootContainer = Callable[[], Container]
BootGuest = Callable[..., Guest]


@pytest.fixture(scope="session", autouse=True)
def tree(request: pytest.FixtureRequest) -> Iterator[Tree]:
    """The system, built if need be; without --lab, and where it cannot be had, the tests of the lab are skipped."""
    if not request.config.getoption("--lab"):
        pytest.skip("the camera lab runs with --lab")
    with ExitStack() as held:
        try:
            system = held.enter_context(provide())
        except Unavailable as why:
            pytest.skip(f"no camera lab: {why}")
        yield system


@pytest.fixture(scope="module")
def boot_container(tree: Tree) -> Iterator[BootContainer]:
    """Boot fresh containers; all of them end with the module."""
    with ExitStack() as machines:
        yield lambda: machines.enter_context(Container(tree))


@pytest.fixture(scope="module")
def boot_guest(tree: Tree) -> Iterator[BootGuest]:
    """Boot fresh guests, with both cameras plugged in unless told otherwise; all of them end with the module."""
    with ExitStack() as machines:

        def boot(cameras: Iterable[int] = CAMERAS) -> Guest:
            return machines.enter_context(Guest(tree, cameras))

        yield boot


@pytest.fixture(scope="module")
def container(boot_container: BootContainer) -> Container:
    """A container that the tests of a module share."""
    return boot_container()


@pytest.fixture(scope="module")
def guest(boot_guest: BootGuest) -> Guest:
    """A guest with both cameras plugged in, which the tests of a module share."""
    return boot_guest()
