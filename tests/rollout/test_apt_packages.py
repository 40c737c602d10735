"""The Python packages of the target."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rollout import apt_packages

from soft_stream.config.settings import Settings

NAMES = {"numpy": "1.24.2", "pillow": "9.4.0", "simplejpeg": "1.8.1", "picamera2": "0.3.31"}


@pytest.fixture
def dist_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in place of that of Debian's packages; nothing else is installed."""
    folder = tmp_path / "dist-packages"
    monkeypatch.setattr(apt_packages, "DIST_PACKAGES", folder)
    monkeypatch.setattr(sys, "path", [str(folder)])
    install(folder, NAMES)
    return folder


def install(folder: Path, names: Sequence[str] | dict[str, str]) -> None:
    """Make the metadata of packages, as apt does."""
    for name in names:
        info = folder / f"{name}-{NAMES[name]}.egg-info"
        info.mkdir(parents=True)
        (info / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {NAMES[name]}\n")


@pytest.mark.usefixtures("dist_packages")
def test_the_versions_of_the_target_are_printed() -> None:
    """They are in one sentence."""
    assert apt_packages.versions() == (
        "Packages of the target: numpy 1.24.2, Pillow 9.4.0, simplejpeg 1.8.1, picamera2 0.3.31"
    )


def test_a_package_that_is_not_from_apt_has_its_folder(
    tmp_path: Path, dist_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example a numpy of pip that Picamera2's packages were not built for."""
    other = tmp_path / "local"
    install(other, ["numpy"])
    monkeypatch.setattr(sys, "path", [str(other), str(dist_packages)])
    assert f"numpy 1.24.2 in {other}, Pillow 9.4.0, simplejpeg" in apt_packages.versions()


@pytest.mark.parametrize(("importable", "sentence"), [(True, "picamera2 of unknown version"), (False, "no picamera2")])
def test_an_unknown_version_is_said(
    dist_packages: Path, monkeypatch: pytest.MonkeyPatch, *, importable: bool, sentence: str
) -> None:
    """A module without metadata is there, in an unknown version."""
    (dist_packages / "picamera2-0.3.31.egg-info/PKG-INFO").unlink()
    (dist_packages / "picamera2-0.3.31.egg-info").rmdir()
    (dist_packages / "picamera2.py").write_text("" if importable else "raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(dist_packages))
    assert apt_packages.versions().endswith(f"simplejpeg 1.8.1, {sentence}")


def test_the_libraries_that_the_settings_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source and an output that need a library have Debian's package of it; others need nothing."""
    monkeypatch.setattr(apt_packages, "MODULES", {})
    monkeypatch.setattr(apt_packages, "PROGRAMS", {})
    monkeypatch.setattr(apt_packages, "_imports", lambda _: False)
    cameras = {
        number: replace(Settings(), camera=number, source=source)
        for number, source in enumerate(("v4l2", "http", "folder", "test-pattern"))
    }
    assert apt_packages.missing(cameras, with_nginx=False) == {}
    cameras[4] = replace(Settings(), camera=4, source="media", zmq="tcp://127.0.0.1:5555")
    cameras[5] = replace(Settings(), camera=5, source="gphoto")
    needed = {"Python's av": "python3-av", "Python's gphoto2": "python3-gphoto2", "Python's zmq": "python3-zmq"}
    assert apt_packages.missing(cameras, with_nginx=False) == needed
