"""The system of the lab, and machines that boot it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from tests.end_to_end.lab import older_portal
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import Checkout
from tests.end_to_end.lab.guest import CAMERAS, Guest
from tests.end_to_end.lab.packages import Packages
from tests.end_to_end.lab.tree import Tree, Unavailable, provide

BootContainer = Callable[[], Container]
NewCheckout = Callable[[], Checkout]
BareTree = Callable[[str], Tree]
BootBare = Callable[..., Container]
BootGuest = Callable[..., Guest]


@pytest.fixture
def nothing_stays_open() -> None:
    """Replace the check of all other tests: a machine that a test boots runs until its module ends."""


@pytest.fixture(scope="session", autouse=True)
def tree(request: pytest.FixtureRequest) -> Iterator[Tree]:
    """Provide the system, built if necessary; skip the tests without --lab, or if the lab cannot run here."""
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
    """Return a function that boots fresh containers; all stop at the end of the module."""
    with ExitStack() as machines:
        yield lambda: machines.enter_context(Container(tree))


@pytest.fixture(scope="session")
def bare(tree: Tree) -> Iterator[BareTree]:
    """Return a function that provides the bare system of a suite, built if necessary."""
    with ExitStack() as held:
        yield cache(lambda suite: held.enter_context(provide(suite)))


@pytest.fixture(scope="module")
def boot_bare(bare: BareTree) -> Iterator[BootBare]:
    """Return a function that boots fresh containers of bare systems; all stop at the end of the module."""
    with ExitStack() as machines:

        def boot(suite: str, debs: Path | None = None) -> Container:
            return machines.enter_context(Container(bare(suite), keeps=True, debs=debs))

        yield boot


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Return a builder of packages from the project as it was when the tests began."""
    return Packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def boot_guest(tree: Tree) -> Iterator[BootGuest]:
    """Return a function that boots fresh guests, by default with both cameras; all stop at the end of the module."""
    with ExitStack() as machines:

        def boot(cameras: Iterable[int] = CAMERAS) -> Guest:
            return machines.enter_context(Guest(tree, cameras))

        yield boot


@pytest.fixture(scope="module")
def container(boot_container: BootContainer) -> Container:
    """Boot a container that the tests of a module share."""
    return boot_container()


@pytest.fixture(scope="module")
def guest(boot_guest: BootGuest) -> Guest:
    """Boot a guest with both cameras, which the tests of a module share."""
    return boot_guest()


@pytest.fixture
def new_checkout(tmp_path: Path) -> NewCheckout:
    """Return a function that copies the project as it was when the test began, each time as another release."""
    original = Checkout(tmp_path / "original")
    numbers = count()

    def copy() -> Checkout:
        number = next(numbers)
        checkout = Checkout(tmp_path / f"copy{number}", original.folder)
        checkout.change("systemd/camera-soft-cam@.service", "Nice=5", f"Nice={number}")
        return checkout

    return copy


@pytest.fixture
def ancestor(boot_container: BootContainer) -> Container:
    """Boot a machine that runs the older portal."""
    machine = boot_container()
    older_portal.install(machine)
    return machine
