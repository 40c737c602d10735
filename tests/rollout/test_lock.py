"""The checked-in locks: complete, and true for each kind of target."""

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import lock_packages
import pytest
from lock_packages import Candidate
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename
from packaging.version import Version
from rollout import lock
from rollout.lock import GLIBC, Lock, Package, PackagesUnavailable, canonical

from tests.support.checkout import ROOT

LOCKS = lock.find()


def test_each_supported_python_has_locks() -> None:
    """Each Python version of pyproject.toml has locks for x86_64, aarch64 and 32-bit systems."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    versions = [each.rpartition(" ")[2] for each in about if re.search(r"Python :: 3\.\d+$", each)]
    assert {"3.11", "3.13"} <= set(versions)
    machines = ("x86_64", "aarch64", "armv7l")
    assert {Lock(machine, version) for machine in machines for version in versions} <= set(LOCKS)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_each_wheel_runs_on_its_target(lock: Lock) -> None:
    """A wheel is for the architecture, the Python and the glibc of Raspberry Pi OS 12; its name has the version."""
    tags = _tags(lock)
    packages = lock.packages()
    assert len({package.name for package in packages}) == len(packages)
    for package in packages:
        name, version, _, wheel_tags = parse_wheel_filename(package.wheel)
        assert (name, version) == (package.name, Version(package.version))
        assert wheel_tags & tags, package.wheel


def _tags(lock: Lock) -> set[Tag]:
    major, minor = map(int, lock.python_version.split("."))
    platforms = [f"manylinux_2_{glibc}_{lock.machine}" for glibc in range(5, GLIBC.stop)]
    python = (major, minor)
    return {*cpython_tags(python, platforms=platforms), *compatible_tags(python, f"cp{major}{minor}", platforms)}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_fulfils_the_requirements_of_the_project(lock: Lock) -> None:
    """No requirement of pyproject.toml is missing, and each locked version is in its range."""
    found = {package.name: Candidate(package, []) for package in lock.packages()}
    apt = {"numpy", "pillow", *(["simplejpeg"] if lock.machine == "armv7l" else [])}
    assert not found.keys() & apt
    wanted = [each for each in lock_packages.requirements() if canonical(each.name) not in apt]
    names, missing = lock_packages.needed(wanted, found, lock)
    assert missing == []
    assert names | apt == {"aiohttp", "asyncinotify", "idna", "jinja2", "numpy", "pillow", "simplejpeg"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_has_what_its_packages_require(lock: Lock) -> None:
    """Each package that another one requires is there, and no other one; where this environment has these versions."""
    found: dict[str, Candidate] = {}
    for package in lock.packages():
        try:
            if metadata.version(package.name) != package.version:
                pytest.skip(f"{package.name} is installed in another version than {package.version}")
            requires = metadata.requires(package.name) or []
        except metadata.PackageNotFoundError:
            pytest.skip(f"{package.name} is not installed")
        found[package.name] = Candidate(package, [Requirement(each) for each in requires])
    for name, version in {"numpy": "1.24", "pillow": "9.4", "simplejpeg": "1.8"}.items():
        if name in lock.from_the_system:
            found[name] = Candidate(Package(name, version, "", ""), [])
    assert lock_packages.needed(lock_packages.requirements(), found, lock) == (set(found), [])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_package_index(lock: Lock) -> None:
    """Each developer's pip uses its own index."""
    text = lock.file.read_text()
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.parametrize(
    "line",
    ["aiohttp==3.14.5", "aiohttp>=3.9", "-r others.txt", f"aiohttp==3.14.5 --hash=sha256:{'0' * 63}  # aiohttp.whl"],
)
def test_a_line_without_a_hash_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """The message has the file, the line and the expected form."""
    monkeypatch.setattr(lock, "FOLDER", tmp_path)
    broken = Lock("aarch64", "3.13")
    broken.file.write_text(f"# comment\n\n{line}\n")
    with pytest.raises(PackagesUnavailable) as error:
        broken.packages()
    assert str(error.value).startswith(f"{broken.file}:3: {line}: must be NAME==VERSION --hash=sha256:HASH  # WHEEL")


def test_a_target_without_a_lock_is_an_error() -> None:
    """The message lists the locks that exist, and the command that makes one."""
    with pytest.raises(PackagesUnavailable) as error:
        Lock("riscv64", "3.13").packages()
    assert str(error.value).startswith(
        "No Python packages are locked for Python 3.13 on riscv64, only for aarch64-3.11,"
    )
    assert str(error.value).endswith("scripts/lock_packages.py --add riscv64-3.13")


def test_a_lock_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages are sorted by name, and a second writing changes nothing."""
    monkeypatch.setattr(lock, "FOLDER", tmp_path / "requirements")
    written = Lock("aarch64", "3.13")
    packages = [Package(name, "1.0.post1", f"{name}-1.0.post1-py3-none-any.whl", "a" * 64) for name in ("b-c", "a")]
    written.write(packages)
    text = written.file.read_text()
    assert written.packages() == packages[::-1]
    written.write(reversed(packages))
    assert written.file.read_text() == text
    assert _names(lock.find()) == ["aarch64-3.13"]


def _names(locks: Iterable[Lock]) -> list[str]:
    return [each.name for each in locks]
