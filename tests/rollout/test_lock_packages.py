"""`scripts/lock_packages.py`, with an index of small wheels."""

from collections.abc import Sequence
from pathlib import Path

import lock_packages
import pytest
from rollout import lock
from rollout.lock import Lock

from tests.support.wheels import Wheels

OLD = Lock("aarch64", "3.11")
NEW = Lock("x86_64", "3.13")


class Project:
    """A project with requirements, an index, and locks for two kinds of target."""

    def __init__(self, folder: Path, wheels: Wheels, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.wheels, self._monkeypatch = folder, wheels, monkeypatch

    def require(self, *requirements: str) -> None:
        """Write pyproject.toml."""
        (self.folder / "pyproject.toml").write_text(f"[project]\ndependencies = {list(requirements)!r}\n")

    def run(self, *arguments: str) -> int:
        """Run the script, and return its exit status."""
        self._monkeypatch.setattr("sys.argv", ["lock_packages.py", *arguments])
        return lock_packages.main()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project that requires `server`, which requires `client`; version 1.0 of both is locked."""
    monkeypatch.setattr(lock, "FOLDER", tmp_path / "requirements")
    monkeypatch.setattr(lock_packages, "PROJECT", tmp_path)
    wheels = Wheels(tmp_path / "wheels", monkeypatch)
    packages = [wheels.add("server", "1.0", requires=["client>=1"]), wheels.add("client", "1.0")]
    for each in (OLD, NEW):
        each.write(packages)
    project = Project(tmp_path, wheels, monkeypatch)
    project.require("server>=1", "numpy>=1.24", "Pillow>=9.4")
    return project


def versions(of: Lock) -> dict[str, str]:
    """Return the locked versions."""
    return {package.name: package.version for package in of.packages()}


def test_a_lock_has_requirements_and_their_requirements(project: Project) -> None:
    """What the target has from apt is left out; the hash is that of the wheel."""
    before = NEW.file.read_text()
    NEW.file.unlink()
    assert project.run("--add", NEW.name) == 0
    assert NEW.file.read_text() == before
    assert versions(OLD) == versions(NEW) == {"server": "1.0", "client": "1.0"}


def test_versions_stay_until_they_are_upgraded(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """--check reports newer versions and changes nothing, --upgrade-package locks one of them, --upgrade all."""
    assert project.run("--check") == 0
    project.wheels.add("server", "1.1", requires=["client>=1"])
    project.wheels.add("client", "2.0")
    assert project.run() == 0
    assert "Nothing to change.\n" in capsys.readouterr().out
    assert project.run("--check") == 1
    assert capsys.readouterr().out == (
        "client 1.0 -> 2.0  (aarch64-3.11, x86_64-3.13)\nserver 1.0 -> 1.1  (aarch64-3.11, x86_64-3.13)\n"
    )
    assert versions(OLD) == versions(NEW) == {"server": "1.0", "client": "1.0"}
    assert project.run("--upgrade-package", "Server") == 0
    assert versions(OLD) == versions(NEW) == {"server": "1.1", "client": "1.0"}
    assert project.run("--upgrade") == 0
    assert versions(OLD) == versions(NEW) == {"server": "1.1", "client": "2.0"}


def test_a_new_requirement_is_locked_and_an_old_one_is_removed(project: Project) -> None:
    """The other versions stay."""
    project.wheels.add("server", "1.1", requires=["client>=1"])
    project.wheels.add("template", "3.0")
    project.require("server>=1", "template")
    assert project.run() == 0
    assert versions(NEW) == {"server": "1.0", "client": "1.0", "template": "3.0"}
    project.require("template")
    assert project.run() == 0
    assert versions(NEW) == {"template": "3.0"}


def test_a_version_out_of_the_range_of_the_project_is_replaced(project: Project) -> None:
    """pyproject.toml decides which versions may be locked."""
    project.wheels.add("server", "1.1", requires=["client>=1"])
    project.require("server>=1.1")
    assert project.run() == 0
    assert versions(NEW) == {"server": "1.1", "client": "1.0"}


@pytest.mark.parametrize(
    ("requires", "old", "new"),
    [
        ('{name}; python_version < "3.12"', True, False),
        ('{name}; python_version >= "3.12"', False, True),
        ('{name}; platform_machine == "x86_64"', False, True),
        ('{name}; sys_platform == "win32"', False, False),
        ('{name}; extra == "fast"', True, True),
        ('{name}; extra == "slow"', False, False),
    ],
)
def test_conditions_are_those_of_the_target(project: Project, requires: str, *, old: bool, new: bool) -> None:
    """Markers are evaluated for the target, not for the Python and the machine that run the script."""
    project.wheels.add("native", "1.0", "cp311-cp311-manylinux_2_31_aarch64")
    project.wheels.add("native", "1.0", "cp313-cp313-manylinux2014_x86_64")
    project.wheels.add("server", "2.0", requires=[requires.format(name="native")])
    project.require("server[fast]>=2")
    assert project.run() == 0
    assert ("native" in versions(OLD), "native" in versions(NEW)) == (old, new)
    wheels = [
        package.wheel.rpartition("_")[2] for package in (*OLD.packages(), *NEW.packages()) if "native" in package.name
    ]
    assert wheels == ["aarch64.whl"] * old + ["64.whl"] * new


def test_a_further_target_gets_the_same_versions(project: Project) -> None:
    """Newer versions are not used, although they exist."""
    project.wheels.add("client", "2.0")
    assert project.run("--add", "riscv64-3.14") == 0
    assert versions(Lock("riscv64", "3.14")) == versions(NEW)


@pytest.mark.parametrize(
    ("tag", "requires"),
    [
        ("cp313-cp313-manylinux_2_17_x86_64", ()),  # not for aarch64
        ("cp313-cp313-manylinux_2_39_x86_64", ()),  # for a newer glibc than that of Raspberry Pi OS 12
        ("py3-none-any", ["absent"]),
        ("py3-none-any", ["numpy>=1.25"]),  # newer than what the target has
    ],
)
def test_nothing_is_written_if_a_target_has_no_packages(
    project: Project, capsys: pytest.CaptureFixture[str], tag: str, requires: Sequence[str]
) -> None:
    """The exit status is 69, and a message names the target or the package."""
    before = OLD.file.read_text(), NEW.file.read_text()
    project.wheels.add("numpy", "2.0")
    project.wheels.add("server", "2.0", tag, requires)
    project.require("server>=2", "numpy>=1.24")
    assert project.run() == 69
    assert "numpy" in (said := capsys.readouterr().err) or OLD.name in said
    assert (OLD.file.read_text(), NEW.file.read_text()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--upgrade-package", "Serve"], "serve: not locked; locked are client, server"),
        (["--add", "aarch64"], "--add aarch64: must be machine and Python version, such as riscv64-3.13"),
        (["--add", "../x-3.13"], "--add ../x-3.13: must be"),
        (["--check", "--upgrade"], "not allowed with"),
    ],
)
def test_wrong_arguments_are_errors(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], message: str
) -> None:
    """The exit status is 2."""
    with pytest.raises(SystemExit) as end:
        project.run(*arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
