"""The file of kept controls: what is read from it, and how it is replaced."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from soft_stream.config import kept_controls
from soft_stream.config.kept_controls import KeptControls, camera_id_of, file_of, read, read_earlier, write
from soft_stream.config.loader import load, with_controls_file
from soft_stream.config.settings import Settings

IDS = (
    "/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a",
    "/base/axi/pcie@1000120000/rp1/i2c@80000/imx708@1a",
    "/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.2:1.0-046d:0825",
    "\\_SB_.PCI0.XHC_-1:1.0-0c45:6366",
    "/home/pi/" + 30 * "a folder, " + " (folder)",
    "../../etc/passwd",
    "kamera 'ě' \"$x`",
)


def content(file: Path, camera_id: str = IDS[0]) -> KeptControls:
    """Return what is in a file that exists."""
    kept = read(file, camera_id)
    assert kept
    return kept


@pytest.mark.parametrize("camera_id", IDS)
def test_every_id_has_a_file_of_its_own(tmp_path: Path, camera_id: str) -> None:
    """The file is directly in the folder, whatever the id is, and it is read as it was written."""
    file, values = file_of(tmp_path, camera_id), {"ColourGains": "1.5,2.0", "Brightness": "-0.25"}
    assert len({file_of(tmp_path, each) for each in IDS}) == len(IDS)
    write(file, camera_id, values)
    assert list(tmp_path.iterdir()) == [file]
    assert content(file, camera_id) == KeptControls(file, camera_id, tuple(values.items()))


def test_the_id_of_a_camera() -> None:
    """It is libcamera's id; test cameras and folders never have the file of a real camera."""
    real = Settings(id=IDS[0], camera=1)
    assert camera_id_of(real) == IDS[0]
    others = [
        Settings(),
        Settings(id=IDS[0], source="test-pattern"),
        Settings(source="test-pattern"),
        Settings(source="test-pattern", camera=1),
        Settings(source="folder", folder="/a", camera=1),
        Settings(source="folder", folder="/b", camera=1),
    ]
    assert len({camera_id_of(each) for each in (real, *others)}) == 7


def make_socket(file: Path) -> None:
    """Put a unix socket there."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(file))


def fill(content: bytes) -> Callable[[Path], object]:
    """Return what writes the content."""
    return lambda file: file.write_bytes(content)


UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "it is not a regular file"),
    "pipe": (os.mkfifo, "it is not a regular file"),
    "socket": (make_socket, "it is not a regular file"),
    "link": (lambda file: file.symlink_to("/dev/zero"), "it is not a regular file"),
    "link to itself": (lambda file: file.symlink_to(file), "it is not a regular file"),
    "not UTF-8": (fill(b"Brightness=0.5\nGamma=\xff\n"), "it is not UTF-8 text"),
    "UTF-16": (fill("Brightness=0.5\n".encode("utf-16")), "it is not UTF-8 text"),
    "too large": (fill(b"Brightness=0.5\n" * 10_000), "it is larger than 64 kB"),
    "of another camera": (fill(b"id=other\nBrightness=0.5\n"), "it belongs to camera other"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_one_warning(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from it, nothing is waited for, and the warning says why."""
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    make, reason = UNREADABLE[kind]
    file = file_of(tmp_path, IDS[0])
    make(file)
    started = time.monotonic()
    assert content(file) == KeptControls(file, content(file).camera_id, (), (f"{file} is ignored: {reason}",))
    assert time.monotonic() - started < 5


def test_a_sparse_file_of_terabytes(tmp_path: Path) -> None:
    """Only its beginning is read."""
    file = tmp_path / "huge"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    assert content(file).warnings == (f"{file} is ignored: it is larger than 64 kB",)


def test_a_file_without_the_right_to_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a warning; root may read every file, so the error is simulated."""
    file = tmp_path / "locked"
    write(file, IDS[0], {"Brightness": "0.5"})

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert content(file).warnings == (f"{file} is ignored: Permission denied",)


def test_only_controls_are_read(tmp_path: Path) -> None:
    """Other settings, lines that are none, and values that cannot be controls are named in one warning."""
    file = tmp_path / "controls.env"
    lines = (
        "Brightness=0.5",
        "cam0_bind=0.0.0.0",
        "cam0_open_command=reboot",
        "LIBCAMERA_LOG_LEVELS=*:DEBUG",
        "what is this",
        "Gamma=",
        "Hue='0.1 Port=80'",
        f"Long={'9' * 300}",
        "\x1b[31mred=1",
        "ExposureTime=5000",
        "auto_exposure=1",
        "Rest='begins here",
    )
    file.write_text("\n".join(lines))
    kept = content(file)
    assert kept.controls == (("Brightness", "0.5"), ("ExposureTime", "5000"), ("auto_exposure", "1"))
    [warning] = kept.warnings
    named = "line 2 (cam0_bind), line 3 (cam0_open_command), line 4 (LIBCAMERA_LOG_LEVELS), line 5 (what is this)"
    assert warning == (
        f"{file}: only controls and settings of the page are read from it, so these are ignored: "
        f"{named}, line 6 (Gamma) and 4 more"
    )


@pytest.mark.parametrize("text", ["", "\n", kept_controls.HEADER, "id=\n"])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    """An empty file has no controls and is no warning."""
    file = tmp_path / "controls.env"
    file.write_text(text)
    assert content(file) == KeptControls(file, IDS[0])


def test_the_file_of_an_earlier_version(tmp_path: Path) -> None:
    """Only the controls of its camera are read from the one line that has them."""
    file = tmp_path / "cam3-controls.env"
    file.write_text("# Written\ncam3_controls='Brightness=0.5 x id=7 ScalerCrop=0,0,8,8'\ncam0_controls=Gamma=2\n")
    kept = read_earlier(file, 3)
    assert kept
    assert kept.controls == (("Brightness", "0.5"),)
    assert kept.warnings[0].endswith(": line 2 (x), line 2 (id), line 3 (cam0_controls)")
    assert kept.warnings[1].endswith("; the setting cam_controls=ScalerCrop=0,0,8,8 does that")
    assert read_earlier(tmp_path / "none", 0) is None


def test_a_crop_is_neither_written_nor_read(tmp_path: Path) -> None:
    """A file of an earlier version may have one: its other controls are read, and a warning says what keeps a crop."""
    file = file_of(tmp_path, IDS[0])
    file.write_text(f"id='{IDS[0]}'\nBrightness=0.5\nScalerCrop=0,0,8,8\n")
    kept = content(file)
    assert kept.controls == (("Brightness", "0.5"),)
    assert kept.warnings == (
        f"{file}: the crop of the sensor is ignored, because none is kept any more; "
        "the setting cam_controls=ScalerCrop=0,0,8,8 does that",
    )
    write(file, IDS[0], {"Brightness": "0.5", "ScalerCrop": "0,0,8,8"})
    assert "ScalerCrop" not in file.read_text()
    write(file, IDS[0], {"ScalerCrop": "0,0,8,8"})
    assert not file.exists()


def test_what_a_crash_leaves_is_removed(tmp_path: Path) -> None:
    """A file that was not finished is never read, and the next start removes it."""
    file = file_of(tmp_path, IDS[0])
    left, other = file.with_name(f"{file.name}.4711.new"), file_of(tmp_path, IDS[1])
    left.write_text("Brightness=0.")
    write(other, IDS[1], {"Brightness": "0.5"})
    kept_controls.remove_leftovers(file)
    assert list(tmp_path.iterdir()) == [other]


def test_a_removal_that_has_nothing_to_remove(tmp_path: Path) -> None:
    """It makes no folder."""
    write(tmp_path / "folder" / "controls.env", IDS[0], {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/root"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/state", "HOME": "/root"}, "/state/camera-soft-stream"),
        ({"XDG_STATE_HOME": "state", "HOME": "/root"}, "/root/.local/state/camera-soft-stream"),
        ({"HOME": "/root"}, "/root/.local/state/camera-soft-stream"),
        ({}, None),
    ],
)
def test_the_folder_does_not_depend_on_the_working_directory(environ: dict[str, str], expected: str | None) -> None:
    """It is that of systemd or of the user; a camera that is not known yet has no file."""
    settings = load(environ | {"cam0_name": "A", "cam1_id": IDS[0]}).cameras
    assert (settings[0].state_directory, settings[0].controls_file) == (expected and Path(expected), None)
    assert settings[1].controls_file == (expected and file_of(Path(expected), IDS[0]))
    swapped = load(environ | {"cam0_id": IDS[0]}).cameras[0]
    assert with_controls_file(swapped).controls_file == settings[1].controls_file


def test_a_kept_file_is_no_layer_of_the_settings(tmp_path: Path) -> None:
    """Whatever the state directory has, it changes no setting and is no error."""
    for name in ("cam0-controls.env", file_of(tmp_path, IDS[0]).name):
        (tmp_path / name).write_bytes(b"cam0_port=1\ncam0_fps=fast\n\xff")
    settings = load({"STATE_DIRECTORY": str(tmp_path), "cam0_id": IDS[0]}).cameras[0]
    assert (settings.port, settings.fps) == (18081, 30.0)
