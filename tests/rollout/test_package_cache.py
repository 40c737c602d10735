"""The Python packages of a release: what pip may install, and when a folder is used again."""

import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rollout import bundle, lock, package_cache
from rollout.lock import Lock, Package, PackagesUnavailable

from tests.support.wheels import Wheels

TARGET = Lock("aarch64", "3.13")
SETTINGS = bundle.PROJECT / "camera-soft-stream.env"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheels:
    """Return an empty package index; locks and cache are in the folder of the test."""
    monkeypatch.setattr(lock, "FOLDER", tmp_path / "requirements")
    monkeypatch.setattr(package_cache, "CACHE", tmp_path / "cache")
    return Wheels(tmp_path / "wheels", monkeypatch)


@pytest.fixture
def locked(wheels: Wheels) -> Sequence[Package]:
    """Return two locked packages, one of them for aarch64 only."""
    packages = [wheels.add("pure", "1.0"), wheels.add("native", "2.0", "cp313-cp313-manylinux_2_28_aarch64")]
    TARGET.write(packages)
    return packages


def contents() -> dict[str, str]:
    """Return the text of each file that a release gets."""
    with package_cache.installed(TARGET) as files:
        return {name: path.read_text() for name, path in files.items()}


def folders() -> list[Path]:
    """Return the folders of the cache."""
    return sorted(path for path in package_cache.CACHE.iterdir() if path.is_dir())


@pytest.mark.usefixtures("locked")
def test_a_release_has_the_locked_packages() -> None:
    """It has modules and metadata; no commands and no record of them, which depend on the developer's machine."""
    files = contents()
    assert files["pure.py"] == "VERSION = '1.0'\n"
    assert files["native.py"] == "VERSION = '2.0'\n"
    assert "native-2.0.dist-info/METADATA" in files
    assert not [name for name in files if name.startswith(("bin/", "../")) or name.endswith("RECORD")]


def test_a_newer_version_of_the_index_is_not_used(wheels: Wheels, locked: Sequence[Package]) -> None:
    """The lock decides; it is changed deliberately."""
    wheels.add(locked[0].name, "1.1")
    assert contents()["pure.py"] == "VERSION = '1.0'\n"


@pytest.mark.usefixtures("locked")
def test_the_second_time_needs_no_package_index(wheels: Wheels) -> None:
    """The folder is used again while the lock is the same."""
    before = contents()
    wheels.remove_all()
    assert contents() == before


@pytest.mark.parametrize("which", [0, 1])
def test_a_changed_byte_in_a_wheel_is_refused(wheels: Wheels, locked: Sequence[Package], which: int) -> None:
    """The message says what happened and names the package; nothing is left in the cache."""
    wheels.damage(locked[which])
    with pytest.raises(
        PackagesUnavailable, match=f"damaged, or the package index has another file.*\n(.*\n)*.*{locked[which].name}"
    ):
        contents()
    assert [path for path in folders() if path.suffix != ".new"] == []


def test_a_package_that_the_index_does_not_have_is_an_error(wheels: Wheels, locked: Sequence[Package]) -> None:
    """The message names the target and the package."""
    (wheels.folder / locked[0].wheel).unlink()
    with pytest.raises(PackagesUnavailable, match=r"Python 3\.13 on aarch64.*\n.*pure==1\.0"):
        contents()


def test_a_changed_lock_gives_a_new_folder(wheels: Wheels, locked: Sequence[Package]) -> None:
    """The older folder is removed; that of another target stays."""
    other = Lock("x86_64", "3.13")
    other.write([locked[0]])
    with package_cache.installed(other):
        pass
    contents()
    before = folders()
    TARGET.write([wheels.add("pure", "1.1"), locked[1]])
    assert contents()["pure.py"] == "VERSION = '1.1'\n"
    after = folders()
    assert len(before) == len(after) == 2
    assert [path.name.partition("-")[0] for path in set(before) - set(after)] == ["aarch64"]


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize("harm", ["missing", "changed", "added", "not signed off", "package missing"])
def test_a_folder_that_is_not_whole_is_made_again(harm: str) -> None:
    """One changed, added or missing file is enough."""
    before = contents()
    (folder,) = folders()
    if harm == "missing":
        (folder / "pure.py").unlink()
    elif harm == "changed":
        (folder / "pure.py").write_text("VERSION = '0.9'\n")
    elif harm == "added":
        (folder / "added.py").touch()
    elif harm == "not signed off":
        folder.with_name(f"{folder.name}.sha256").write_bytes(b"")
    else:
        shutil.rmtree(folder / "pure-1.0.dist-info")
    assert contents() == before


@pytest.mark.usefixtures("locked")
def test_a_half_made_folder_is_not_used() -> None:
    """An interrupted download is removed, and nothing of it is in the release; nor are Python's own caches."""
    whole = contents()
    (folder,) = folders()
    half = folder.with_name(f"{folder.name}.new")
    folder.rename(half)
    (half / "native.py").unlink()
    (half / "left.py").touch()
    assert contents() == whole
    assert folders() == [folder]
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/native.pyc").touch()
    assert contents() == whole


@pytest.mark.usefixtures("locked")
def test_rollouts_at_the_same_time_do_not_disturb_each_other() -> None:
    """Each one gets all files."""
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: contents(), range(3)))
    assert results[0] == results[1] == results[2] != {}


@pytest.mark.usefixtures("locked")
def test_the_same_sources_have_the_same_release_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is the same in another checkout, whose pip runs from another folder."""
    first = bundle.make("aarch64", "3.13", "/usr/bin/python3", SETTINGS)
    here = Path(sys.prefix)
    other = tmp_path / "other checkout/.venv"
    (other / "bin").mkdir(parents=True)
    (other / "bin/python").symlink_to((here / "bin/python").resolve())
    (other / "lib").symlink_to(here / "lib")
    shutil.copy(here / "pyvenv.cfg", other)
    monkeypatch.setattr(sys, "executable", str(other / "bin/python"))
    monkeypatch.setattr(package_cache, "CACHE", tmp_path / "other cache")
    second = bundle.make("aarch64", "3.13", "/usr/bin/python3", SETTINGS)
    assert (second.name, second.archive) == (first.name, first.archive)
    assert {package.name for package in first.packages} == {"pure", "native"}


def test_another_lock_gives_another_release_name(wheels: Wheels, locked: Sequence[Package]) -> None:
    """A security fix of a package is a new release."""
    first = bundle.make("aarch64", "3.13", "/usr/bin/python3", SETTINGS)
    TARGET.write([wheels.add("pure", "1.1"), locked[1]])
    assert bundle.make("aarch64", "3.13", "/usr/bin/python3", SETTINGS).name != first.name
