"""Which release the units of a machine run."""

from pathlib import Path

import pytest
from rollout import installed


class Places:
    """The places of deployment and package in a folder."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deployed, self.packaged = root / "opt/current", root / "lib/current"
        self.units, self.configured = root / "local/units", root / "state/configured"
        self.previous = root / "state/previous"
        for name, place in {
            "CURRENT": self.deployed,
            "OPT": root / "opt",
            "RELEASES": root / "opt/releases",
            "PACKAGED": self.packaged,
            "UNITS": self.units,
            "CONFIGURED": self.configured,
            "PREVIOUS": self.previous,
        }.items():
            monkeypatch.setattr(installed, name, place)

    def add_deployment(self) -> None:
        """Install a release of the deployment."""
        self.deployed.parent.mkdir(parents=True)
        self.deployed.symlink_to("releases/1")

    def add_package(self) -> None:
        """Unpack the package."""
        (self.packaged.parent / "2.0").mkdir(parents=True)
        self.packaged.symlink_to("2.0")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """Return a machine on which nothing is installed."""
    return Places(tmp_path, monkeypatch)


def test_a_new_machine(places: Places) -> None:
    """No release has served there, also while the package is configured for the first time."""
    assert (installed.is_first(), installed.folder_before()) == (True, None)
    places.add_package()
    assert (installed.is_first(), installed.folder_before()) == (True, None)


def test_the_package_has_served(places: Places) -> None:
    """Its files say what the release before did; a removed package and its cameras are remembered."""
    places.add_package()
    installed.mark_configured("2.0", [0, 2])
    assert (installed.is_first(), installed.folder_before()) == (False, places.packaged)
    places.packaged.unlink()
    assert (installed.is_first(), installed.folder_before()) == (False, None)
    assert installed.configured_cameras() == {0, 2}


def test_the_deployment_hides_the_package(places: Places) -> None:
    """Its units are found first."""
    places.add_package()
    installed.mark_configured("2.0", [0, 2])
    places.add_deployment()
    assert (installed.is_first(), installed.folder_before()) == (False, places.deployed)


@pytest.mark.parametrize(
    ("line", "version"), [("# Runs the copy of camera-soft-stream 0.1.0~deb13, until", "0.1.0"), ("", "")]
)
def test_the_unit_has_the_version_of_the_copy(places: Places, line: str, version: str) -> None:
    """The service may write where the copy is, so root does not read it."""
    places.units.mkdir(parents=True)
    (places.units / installed.UNIT).write_text(f"{line}\n[Service]\nExecStart={places.previous}/bin/soft-stream\n")
    assert installed.version_of_copy() == (version or "the earlier release")


@pytest.mark.parametrize("cloned", [False, True])
def test_the_deployment_is_removed(places: Places, *, cloned: bool) -> None:
    """Its releases go; an owner's files in the same folder stay, as does a clone where nothing was deployed."""
    opt = places.deployed.parent
    for folder in ("releases/1/lib", "history", "incoming/2"):
        (opt / folder).mkdir(parents=True)
    if cloned:
        (opt / ".git").mkdir()
    for _ in range(2):
        installed.remove_deployment()
    assert [path.name for path in opt.glob("*")] == [".git"] * cloned
    assert opt.exists() is cloned


@pytest.mark.parametrize("runs", ["copy", "deployment", "nothing"])
def test_the_copy_has_a_unit(places: Places, runs: str) -> None:
    """A unit that runs the copy is where those of the deployment are."""
    folder = {"copy": places.previous, "deployment": places.deployed}.get(runs)
    if folder:
        places.units.mkdir(parents=True)
        (places.units / installed.UNIT).write_text(f"[Service]\nExecStart={folder}/bin/soft-stream\n")
    assert installed.runs_copy() is (runs == "copy")


def test_the_folder_of_a_release(places: Places) -> None:
    """A plan without a release of the deployment is for the package."""
    places.add_package()
    assert installed.release_folder("1") == places.deployed.parent / "releases/1"
    assert installed.release_folder(None) == places.packaged.parent / "2.0"
    assert installed.is_package(installed.release_folder(None))
    assert not installed.is_package(installed.release_folder("1"))
