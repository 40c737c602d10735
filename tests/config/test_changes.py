"""What counts as a change of the settings since a process has read them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.config import kept_controls
from soft_stream.config.changes import Changes, find_changes
from soft_stream.config.installation import LONGEST_REASON, describe_failed_upgrade
from soft_stream.config.loader import LoadedConfig, load, with_controls_file

BEFORE = "# mine\ncam_fps=20\ncam0_name=Nozzle\ncam1_name=Bed\nLIBCAMERA_LOG_LEVELS=*:WARN\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a settings file."""
    file = tmp_path / "settings.env"
    file.write_text(BEFORE)
    return file


def start(file: Path, environ: dict[str, str] | None = None, **flags: str) -> LoadedConfig:
    """Load the settings as the process of camera 0 does."""
    return load(environ or {}, file=file, camera=0, flags=flags)


def changes_of(started: LoadedConfig) -> Changes:
    """Return the changes for camera 0."""
    return find_changes(started, started.cameras[0])


def changed(started: LoadedConfig) -> tuple[str, ...]:
    """Return the keys that have changed for camera 0; no error is expected."""
    changes = changes_of(started)
    assert changes.problems == ()
    return changes.keys


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        BEFORE.replace("# mine", "# mine, with another comment"),
        BEFORE.replace("cam_fps=20", "cam_fps='20.0'"),
        BEFORE.replace("cam_fps=20", "cam0_fps=20"),
        BEFORE.replace("cam1_name=Bed", "cam1_name=Door\ncam1_fps=3\ncam2_name=New"),
        BEFORE + "cam_quality=80\n",
    ],
)
def test_what_is_the_same_for_this_camera_is_no_change(file: Path, after: str) -> None:
    """Comments, other spellings, defaults, and lines of other cameras do not count."""
    started = start(file)
    file.write_text(after)
    assert changed(started) == ()


@pytest.mark.parametrize(
    ("after", "keys"),
    [
        (BEFORE.replace("cam_fps=20", "cam_fps=21"), ("cam_fps",)),
        (BEFORE.replace("cam_fps=20", ""), ("cam_fps",)),
        (BEFORE + "cam0_fps=10\ncam_hosts=a.example\n", ("cam_hosts", "cam0_fps")),
        (BEFORE.replace("cam0_name=Nozzle", ""), ("cam0_name",)),
        (BEFORE.replace("*:WARN", "*:INFO"), ("LIBCAMERA_LOG_LEVELS",)),
        (BEFORE.replace("LIBCAMERA_LOG_LEVELS=*:WARN", ""), ("LIBCAMERA_LOG_LEVELS",)),
    ],
)
def test_other_values_are_a_change(file: Path, after: str, keys: tuple[str, ...]) -> None:
    """The keys are those of the lines that decide, or have decided before they were removed."""
    started = start(file)
    file.write_text(after)
    assert sorted(changed(started)) == sorted(keys)
    file.write_text(BEFORE)
    assert changed(started) == ()


def test_a_line_without_effect_is_no_change(file: Path) -> None:
    """Flags and variables of the process override the file; they are those of its start."""
    environ = {"cam0_quality": "50"}
    started = start(file, environ, fps="5")
    environ["cam0_quality"] = "60"
    file.write_text(BEFORE + "cam0_fps=7\ncam_quality=70\n")
    assert changed(started) == ()


def test_kept_controls_are_no_change(file: Path, tmp_path: Path) -> None:
    """They override the line of the controls, also those that were kept after the start."""
    file.write_text("cam0_source=test-pattern\ncam0_controls=Brightness=0.1\n")
    started = start(file, {"STATE_DIRECTORY": str(tmp_path)})
    settings = started.cameras[0]
    assert settings.controls_file
    file.write_text("cam0_source=test-pattern\ncam0_controls=Brightness=0.2\n")
    assert changed(started) == ("cam0_controls",)
    kept_controls.write(settings.controls_file, kept_controls.camera_id_of(settings), {"Contrast": "2"})
    assert changed(started) == ()
    file.write_text("cam0_source=test-pattern\ncam0_controls=Brightness=0.1\n")
    assert changed(started) == ()


def test_settings_of_the_page_are_no_change(file: Path, tmp_path: Path) -> None:
    """The line of a setting that the page has set may change; without the value of the page that is a change."""
    file.write_text("cam0_source=test-pattern\n")
    started = start(file, {"STATE_DIRECTORY": str(tmp_path / "state")})
    settings = started.cameras[0]
    assert settings.controls_file
    camera_id = kept_controls.camera_id_of(settings)
    kept_controls.write(settings.controls_file, camera_id, {}, {"fps": "12"})
    file.write_text("cam0_source=test-pattern\ncam_fps=17\n")
    assert changed(started) == ()
    kept_controls.write(settings.controls_file, camera_id, {}, {})
    assert changed(started) == ("cam_fps",)


def test_kept_controls_of_a_camera_without_an_id_in_the_file(file: Path, tmp_path: Path) -> None:
    """The id that the camera has turned out to have decides which file has its controls."""
    started = start(file, {"STATE_DIRECTORY": str(tmp_path)})
    serving = with_controls_file(replace(started.cameras[0], id="/base/imx708@1a"))
    assert serving.controls_file
    file.write_text(BEFORE + "cam0_controls=Brightness=0.2\n")
    assert find_changes(started, serving).keys == ("cam0_controls",)
    kept_controls.write(serving.controls_file, serving.id, {"Contrast": "2"})
    assert find_changes(started, serving).keys == ()


def test_what_prevents_another_start(file: Path) -> None:
    """Errors, also of another camera, a file that is no text, and one that is gone."""
    started = start(file)
    file.write_text(BEFORE + "cam1_fps=fast\n")
    (problem,) = changes_of(started).problems
    assert problem == f"{file}:6: cam1_fps=fast: must be a number from 0.1 to 240 (frames a second)"
    file.write_bytes(b"\xff\xfe")
    assert changes_of(started) == Changes(problems=(f"{file}: cannot be read: not UTF-8 text",))
    file.unlink()
    assert changes_of(started) == Changes(problems=(f"{file}: cannot be read: No such file or directory",))
    file.mkdir()
    assert changes_of(started) == Changes(problems=(f"{file}: cannot be read: Is a directory",))


def test_a_pipe_is_not_read_again(file: Path) -> None:
    """A pipe has its text only once, and opening it would block; a device may have no end."""
    started = start(file)
    file.unlink()
    os.mkfifo(file)
    assert changes_of(started) == Changes()
    file.unlink()
    file.symlink_to("/dev/zero")
    assert changes_of(started) == Changes()


def test_a_file_that_was_found_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --env-file another start would use another file, or none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("soft_stream.config.loader.INSTALLED_FILE", tmp_path / "none.env")
    local = Path("camera-soft-stream.env")
    local.write_text("cam0_name=Camera 0\n")
    started = load({}, camera=0)
    local.unlink()
    assert changes_of(started).problems == (f"{local}: cannot be read: No such file or directory",)
    without_file = load({}, camera=0)
    assert changes_of(without_file).problems == ()


@pytest.mark.parametrize("text", ["", " \n", "\x00\x01ELF", b"\xff\xfe\xfa\xfb binary".decode(errors="replace")])
def test_a_failed_upgrade_without_a_reason(text: str) -> None:
    """The file is there, so the upgrade has failed, whatever is in it."""
    assert describe_failed_upgrade(text).startswith("The last upgrade of camera-soft-stream has failed")


def test_the_reason_of_a_failed_upgrade() -> None:
    """It is one line, also if the file is huge; without the file there is none."""
    assert describe_failed_upgrade(None) == ""
    assert describe_failed_upgrade("Upgrade to 2.0 failed:\n camera 0\n") == "Upgrade to 2.0 failed: camera 0"
    assert describe_failed_upgrade("x" * 1_000_000) == "x" * LONGEST_REASON + "..."
    cut = ("ř" * 10).encode()[:-1].decode(errors="replace")
    assert describe_failed_upgrade(cut) == "ř" * 9
