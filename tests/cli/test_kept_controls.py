"""Kept controls at the start of the process and in `soft-stream check`."""

import json
import logging
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soft_stream.cameras import id_history
from soft_stream.cli.kept_controls import describe, with_kept_controls
from soft_stream.config import kept_controls
from soft_stream.config.loader import with_controls_file
from soft_stream.config.settings import Settings
from tests.diagnostics.doctor.stand_in import CAM0, CAM1
from tests.support.fake_libcamera import environment, installed
from tests.support.processes import ENVIRON, free_port, run

RENAMED = CAM0.replace("/base/axi/", "/base/soc/axi/")
EARLIER = "# Written by POST /controls?keep=1\ncam{}_controls='Brightness={} ExposureTime=5000'\n"


def settings_of(state: Path, camera_id: str = CAM0, **changes: Any) -> Settings:
    """Return the settings of a camera that is known."""
    return with_controls_file(Settings(state_directory=state, id=camera_id, **changes))


def keep(folder: Path, camera_id: str, brightness: str) -> Path:
    """Keep a value for a camera."""
    file = kept_controls.file_of(folder, camera_id)
    kept_controls.write(file, camera_id, {"Brightness": brightness})
    return file


def brightness(settings: Settings, connected: tuple[str, ...] = (), origin: str = "default") -> str:
    """Return the value that a camera starts with; "" if none was kept."""
    return dict(with_kept_controls(settings, origin, connected).controls).get("Brightness", "")


@contextmanager
def server(state: Path, *arguments: str, **environ: str) -> Iterator[tuple[str, list[str]]]:
    """Serve a camera for the block; yield its address and its log until it listens."""
    port, log = str(free_port()), list[str]()
    command = [sys.executable, "-m", "soft_stream", "serve", "--port", port, "--start-timeout", "60", *arguments]
    environ = {**ENVIRON, "STATE_DIRECTORY": str(state), **environ}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
        try:
            assert process.stderr
            while not log or "Listening on" not in log[-1]:
                log.append(process.stderr.readline())
                assert log[-1], f"exit status {process.wait()}: {log}"
            yield f"http://127.0.0.1:{port}", log
        finally:
            process.kill()


def call(url: str, body: dict[str, Any] | None = None) -> Any:
    """Return the JSON that answers a GET or, with a body, a POST."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_the_crop_of_the_settings_stays(tmp_path: Path) -> None:
    """Kept controls replace all others, except for the crop, which no file can have."""
    keep(tmp_path, CAM0, "0.5")
    crop = ("ScalerCrop", "0,0,1152,648")
    found = with_kept_controls(settings_of(tmp_path, controls=(("Gamma", "2"), crop)), "default")
    assert found.controls == (("Brightness", "0.5"), crop)


def test_one_line_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It names the camera, the file and the values."""
    caplog.set_level(logging.INFO)
    file = keep(tmp_path, CAM0, "0.5")
    found = with_kept_controls(settings_of(tmp_path, controls=(("Gamma", "2"),)), "default")
    assert (found.controls, found.has_kept_controls) == ((("Brightness", "0.5"),), True)
    assert caplog.messages == [f"Kept controls of camera {CAM0} from {file}: Brightness=0.5"]


def test_a_camera_without_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It has the controls of its settings, and nothing is logged."""
    settings = settings_of(tmp_path / "none", controls=(("Gamma", "2"),))
    assert with_kept_controls(settings, "default") == settings
    assert with_kept_controls(Settings(), "default") == Settings()
    assert not caplog.messages


@pytest.mark.parametrize("origin", ["environment cam0_controls", "command line --controls"])
def test_what_overrides_kept_controls(tmp_path: Path, origin: str, caplog: pytest.LogCaptureFixture) -> None:
    """The environment and a flag do, and the log says so; the settings file does not."""
    caplog.set_level(logging.INFO)
    file = keep(tmp_path, CAM0, "0.5")
    assert brightness(settings_of(tmp_path), origin=origin) == ""
    assert caplog.messages == [f"Kept controls of camera {CAM0} in {file} are not used: {origin} sets others"]
    assert brightness(settings_of(tmp_path), origin="/etc/settings.env:3 cam0_controls") == "0.5"


def test_a_file_that_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is a warning, and the file stays as it is."""
    file = keep(tmp_path, CAM0, "0.5")
    file.write_bytes(b"\xff")
    assert brightness(settings_of(tmp_path)) == ""
    assert caplog.messages == [f"{file} is ignored: it is not UTF-8 text"]
    assert file.read_bytes() == b"\xff"


def test_numbers_that_are_swapped(tmp_path: Path) -> None:
    """Each camera keeps its values whatever its number is."""
    keep(tmp_path, CAM0, "0.1")
    keep(tmp_path, CAM1, "0.2")
    for first, second in ((CAM0, CAM1), (CAM1, CAM0)):
        found = [brightness(settings_of(tmp_path, each, camera=i)) for i, each in enumerate((first, second))]
        assert found == (["0.1", "0.2"] if first == CAM0 else ["0.2", "0.1"])


def test_a_bus_that_the_kernel_renames(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The values move with the camera, back as well; those of a camera that is connected are not taken."""
    caplog.set_level(logging.INFO)
    old = keep(tmp_path, CAM0, "0.1")
    assert brightness(settings_of(tmp_path, RENAMED), (CAM0, RENAMED)) == ""
    assert brightness(settings_of(tmp_path, RENAMED), (RENAMED,)) == "0.1"
    assert not old.exists()
    assert f"were moved from {old} to " in caplog.text
    assert brightness(settings_of(tmp_path, CAM0), (CAM0,)) == "0.1"
    assert list(tmp_path.iterdir()) == [old]


def test_folders_and_test_cameras_take_nothing_from_each_other(tmp_path: Path) -> None:
    """Two folders with the same name are two cameras."""
    first = settings_of(tmp_path, "", source="folder", folder="/a/pictures")
    assert first.controls_file
    kept_controls.write(first.controls_file, kept_controls.camera_id_of(first), {"Brightness": "0.1"})
    assert brightness(with_controls_file(replace(first, folder="/b/pictures"))) == ""
    assert brightness(settings_of(tmp_path, CAM0, source="test-pattern")) == ""
    assert brightness(first) == "0.1"


def test_files_of_an_earlier_version(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The file of a number is moved to the camera that has the number, once."""
    caplog.set_level(logging.INFO)
    old = tmp_path / "cam1-controls.env"
    old.write_text(EARLIER.format(1, "0.5"))
    assert brightness(settings_of(tmp_path, CAM0, camera=0)) == ""
    assert brightness(settings_of(tmp_path, CAM1, camera=1)) == "0.5"
    file = kept_controls.file_of(tmp_path, CAM1)
    assert f"Kept controls of camera {CAM1} were moved from {old} to {file}" in caplog.text
    assert list(tmp_path.iterdir()) == [file]
    kept_controls.write(file, CAM1, {})
    assert brightness(settings_of(tmp_path, CAM1, camera=1)) == ""


@pytest.mark.parametrize(
    ("earlier_is", "expected"), [("older", "0.1"), ("newer", "0.5"), ("the only readable one", "0.5")]
)
def test_both_versions_have_kept_controls(tmp_path: Path, earlier_is: str, expected: str) -> None:
    """The newer file counts, as after a rollback and a second update; one that cannot be read replaces nothing."""
    file, old = keep(tmp_path, CAM0, "0.1"), tmp_path / "cam0-controls.env"
    old.write_text(EARLIER.format(0, "0.5"))
    if earlier_is == "the only readable one":
        file.write_bytes(b"\xff")
    written_at = file.stat().st_mtime + (60 if earlier_is == "newer" else -60)
    os.utime(old, (written_at, written_at))
    for _ in range(2):
        assert brightness(settings_of(tmp_path)) == expected
        assert list(tmp_path.iterdir()) == [file]


def test_the_newest_file_of_an_earlier_version(tmp_path: Path) -> None:
    """A camera that had two numbers gets what was kept last, and the other file does not replace it later."""
    for number, written_at in enumerate((1000, 2000, 1500)):
        old = tmp_path / f"cam{number}-controls.env"
        old.write_text(EARLIER.format(number, f"0.{number}"))
        os.utime(old, (written_at, written_at))
        (tmp_path / f"cam{number}-served").write_text(f"1970-01-01T00:00:00Z {CAM0}\n")
    for _ in range(4):
        assert brightness(settings_of(tmp_path)) == "0.1"
    assert not list(tmp_path.glob("cam*-controls.env"))


@pytest.mark.parametrize("first", [0, 1])
def test_an_update_that_also_swaps_the_numbers(tmp_path: Path, first: int) -> None:
    """The camera that had the number when the file was written gets it, whichever process starts first."""
    for number, camera_id in enumerate((CAM0, CAM1)):
        id_history.record(tmp_path, number, camera_id)
        (tmp_path / f"cam{number}-controls.env").write_text(EARLIER.format(number, f"0.{number}"))
    found = {}
    for number in (first, 1 - first):
        camera_id = (CAM1, CAM0)[number]
        later = f"2999-01-01T00:00:00Z {camera_id}\n"  # as the start of the new version records it
        with (tmp_path / f"cam{number}-served").open("a") as history:
            history.write(later)
        found[camera_id] = brightness(settings_of(tmp_path, camera_id, camera=number), (CAM0, CAM1))
    assert found == {CAM0: "0.0", CAM1: "0.1"}


def test_a_move_that_fails_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The values count, the old file stays, and the log says why."""
    old = tmp_path / "cam0-controls.env"
    old.write_text(EARLIER.format(0, "0.5"))

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        assert brightness(settings_of(tmp_path)) == "0.5"
    assert f"{old} cannot be moved to " in caplog.text
    assert list(tmp_path.iterdir()) == [old]


def test_check_shows_them(tmp_path: Path) -> None:
    """Those of configured cameras are effective values; others, and what is ignored, are remarks."""
    file = tmp_path / "settings.env"
    file.write_text(f"cam0_id={CAM0}\ncam0_controls=Gamma=2\ncam1_name=any\n")
    state = tmp_path / "state"
    kept, other = keep(state, CAM0, "0.5"), keep(state, CAM1, "0.25")
    with kept.open("a") as opened:
        opened.write("cam0_bind=0.0.0.0\n")
    (state / "cam7-controls.env").write_text(EARLIER.format(7, "0.7"))
    result = run("check", "--env-file", str(file), STATE_DIRECTORY=str(state))
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert (
        f"cam0_controls='Brightness=0.5'           from {kept} (POST /controls?keep=1); the default is empty" in lines
    )
    ignored = (
        f"{kept}: only controls and settings of the page are read from it, so these are ignored: line 4 (cam0_bind)"
    )
    assert lines.count(f"# warning: {ignored}") == 1
    assert not any(line.startswith("cam1_controls") for line in lines)
    assert f"# kept controls of camera {CAM1} from {other}: Brightness=0.25" in lines
    assert result.stdout.count(str(other)) == 1
    assert "cam7-controls.env, moved when its camera is served: Brightness=0.7 ExposureTime=5000" in result.stdout
    result = run("check", "--env-file", str(file), STATE_DIRECTORY=str(state), cam0_controls="Gamma=1")
    assert f"# kept controls in {kept} are not used: environment cam0_controls sets others" in result.stdout


def test_check_shows_no_control_characters(tmp_path: Path) -> None:
    """A file in the state directory cannot write to the terminal of the administrator."""
    for name, text in (("a", "id='\x1b[31m\n# forged'\nBrightness=0.5\n"), ("b\x1b[31m\n# forged", "Brightness\n")):
        (tmp_path / f"controls-{name}.env").write_text(text)
    result = run("check", STATE_DIRECTORY=str(tmp_path))
    assert result.stdout.count("\\x1b[31m\\n# forged") == 2
    assert "\x1b" not in result.stdout
    assert "\n# forged" not in result.stdout


def test_check_without_access_to_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the user may not read has no remarks about files whose existence is not known."""

    def refuse(path: object, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "lstat", refuse)
    assert list(describe(tmp_path, ())) == []


def test_a_broken_file_does_not_prevent_the_start(tmp_path: Path) -> None:
    """A pipe, which blocks who opens it, and garbage are one warning each; the process serves."""
    test_camera = with_controls_file(Settings(source="test-pattern", state_directory=tmp_path))
    assert test_camera.controls_file
    os.mkfifo(test_camera.controls_file)
    (tmp_path / "cam0-controls.env").write_bytes(b"\xff")
    with server(tmp_path, "--source", "test-pattern") as (url, log):
        assert call(f"{url}/status.json")["state"] == "idle"
    warnings = [line for line in log if " is ignored: " in line]
    assert len(warnings) == 2


@pytest.mark.skipif(not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there")
def test_the_first_camera_is_known_after_its_discovery(tmp_path: Path) -> None:
    """A camera without an id in the settings has its values, also when it has a number and an id later."""
    fake = environment("pi5")
    with server(tmp_path, "--source", "picamera", **fake) as (url, _):
        call(f"{url}/controls?keep=1", {"Brightness": 0.25})
    file = kept_controls.file_of(tmp_path, CAM0)
    line = f"Kept controls of camera {CAM0} from {file}: Brightness=0.25"
    with server(tmp_path, "--source", "picamera", "--camera", "1", "--id", CAM0, **fake) as (url, log):
        assert len([each for each in log if line in each]) == 1
        call(f"{url}/controls.json")
        assert call(f"{url}/status.json")["controls"] == {"Brightness": 0.25}
        call(f"{url}/controls?keep=1", {"Brightness": None})
    assert not file.exists()
