"""The settings that the page of a camera has kept, at the start of the process and in the commands."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from soft_stream.cli.kept_controls import describe, log_page_layer, with_kept_controls
from soft_stream.config import kept_controls
from soft_stream.config.kept_controls import page_layer
from soft_stream.config.loader import load_as_service, with_controls_file
from soft_stream.config.settings import Settings
from tests.cli.test_kept_controls import RENAMED, call, server
from tests.diagnostics.doctor.stand_in import CAM0, CAM1
from tests.support.processes import ENVIRON

TEST_PATTERN = "0 (test-pattern)"


def settings_of(state: Path, camera_id: str = CAM0, **changes: Any) -> Settings:
    """Return the settings of a camera that is known."""
    return with_controls_file(Settings(state_directory=state, id=camera_id, **changes))


def keep(folder: Path, camera_id: str = CAM0, **values: str) -> Path:
    """Keep settings of a page."""
    file = kept_controls.file_of(folder, camera_id)
    kept_controls.write(file, camera_id, {"Brightness": "0.5"}, values)
    return file


def test_the_values_of_the_page_override_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They do so before the environment and flags, and the log says both."""
    caplog.set_level(logging.INFO)
    file = keep(tmp_path, name="Nest box", fps="15", width="640", height="480", hflip="1")
    origins = {
        "fps": "/etc/settings.env:3 cam_fps",
        "width": "environment cam0_width",
        "height": "command line --height",
    }
    layer, problems = page_layer(settings_of(tmp_path, fps=25.0), origins)
    log_page_layer(layer, problems)
    settings = layer.settings
    found = (settings.name, settings.fps, settings.width, settings.height, settings.hflip)
    assert found == ("Nest box", 15.0, 1280, 720, True)
    assert caplog.messages == [
        f"Settings of the page of camera {CAM0} from {file}: name='Nest box' fps=15 hflip=1",
        f"width=640 in {file} is not used: the environment variable cam0_width sets another value",
        f"height=480 in {file} is not used: the flag --height sets another value",
    ]


def test_a_value_that_no_longer_fits_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The settings file has changed since: that value is left out, the others are used, and the camera starts."""
    file = keep(tmp_path, fps="10", quality="30")
    layer, problems = page_layer(settings_of(tmp_path, min_fps=20.0), {})
    log_page_layer(layer, problems)
    assert (layer.settings.fps, layer.settings.quality) == (30.0, 30)
    assert caplog.messages == [f"{file}: fps=10 is not used: cam0_min_fps=20: must be at most cam0_fps=10."]


@pytest.mark.parametrize(
    "line", ["fps=1000", "rotation=45", "width=", "hflip=maybe", "cam0_fps=5", "cam_open_command=true", "name='a\nb'"]
)
def test_wrong_lines_are_ignored(tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each is named in one warning; the others are used."""
    file = keep(tmp_path, quality="30")
    file.write_text(f"{file.read_text()}{line}\n")
    before = settings_of(tmp_path)
    layer, problems = page_layer(with_kept_controls(before, "default"), {})
    assert (problems, layer.values) == ([], {"quality": 30})
    assert caplog.text.count("only controls and settings of the page are read from it") == 1


@pytest.mark.parametrize("line", ["bind=0.0.0.0", "open_command=true", "users_file=/tmp/u", "auth=off", "id=other"])
def test_a_file_sets_no_other_setting(tmp_path: Path, line: str) -> None:
    """Whatever the file says, only the settings of the page change."""
    file = keep(tmp_path, quality="30")
    file.write_text(f"{file.read_text()}{line}\n")
    before = settings_of(tmp_path)
    after = page_layer(before, {})[0].settings
    assert (after.bind, after.open_command, after.users_file, after.auth, after.id) == (
        before.bind,
        before.open_command,
        before.users_file,
        before.auth,
        CAM0,
    )


def test_a_file_of_another_camera(tmp_path: Path) -> None:
    """Its settings are not used."""
    keep(tmp_path, CAM1, fps="15").rename(kept_controls.file_of(tmp_path, CAM0))
    assert page_layer(settings_of(tmp_path), {})[0].values == {}


def test_a_bus_that_the_kernel_renames(tmp_path: Path) -> None:
    """The settings move with the camera, also without controls."""
    file = kept_controls.file_of(tmp_path, CAM0)
    kept_controls.write(file, CAM0, {}, {"fps": "15"})
    settings = with_kept_controls(settings_of(tmp_path, RENAMED), "default", (RENAMED,))
    assert page_layer(settings, {})[0].settings.fps == 15.0
    assert not file.exists()


def test_controls_of_an_earlier_version_leave_the_settings(tmp_path: Path) -> None:
    """An earlier version ran once more and kept controls for the number: these are taken over, beside the settings."""
    file = keep(tmp_path, fps="15")
    (tmp_path / "cam0-controls.env").write_text("cam0_controls=Brightness=0.1\n")
    settings = with_kept_controls(settings_of(tmp_path), "default")
    assert dict(settings.controls) == {"Brightness": "0.1"}
    assert page_layer(settings, {})[0].settings.fps == 15.0
    assert list(tmp_path.iterdir()) == [file]


def test_files_of_cameras_that_are_not_configured(tmp_path: Path) -> None:
    """`soft-stream check` lists their controls and settings."""
    file = keep(tmp_path, fps="15")
    assert [*describe(tmp_path, ())] == [
        f"kept controls of camera {CAM0} from {file}: Brightness=0.5",
        f"settings of the page of camera {CAM0} from {file}: fps=15",
    ]


def test_a_process_keeps_its_settings_and_check_names_them(tmp_path: Path) -> None:
    """They survive a restart; a variable overrides them; `check` and `check --json` have the file as their source."""
    env_file = tmp_path / "camera.env"
    env_file.write_text("cam0_source=test-pattern\ncam0_name=Printer\ncam0_fps=25\n")
    arguments, state = ("--env-file", str(env_file)), tmp_path / "state"
    with server(state, *arguments) as (url, _):
        assert call(f"{url}/settings", {"name": "Nest box", "fps": 12, "rotation": 180})["undo"] is True
    text = env_file.read_text()
    with server(state, *arguments, cam0_fps="20") as (url, log):
        found = call(f"{url}/settings.json")
        assert [found[name]["value"] for name in ("name", "fps", "rotation")] == ["Nest box", 20, 180]
        assert found["fps"]["fixed_by"] == "environment variable cam0_fps"
        assert call(f"{url}/status.json")["settings"]["changed"] == []
        file = kept_controls.file_of(state, TEST_PATTERN)
        assert f"from {file}: name='Nest box' rotation=180" in "".join(log)
    environ = {**ENVIRON, "STATE_DIRECTORY": str(state)}
    command = [sys.executable, "-m", "soft_stream", "check", *arguments]
    checked = subprocess.run(command, capture_output=True, text=True, check=True, env=environ).stdout
    assert f"cam0_fps=12                              from {file} (POST /settings); the default is 30" in checked
    assert "# camera 0: Nest box" in checked
    facts = json.loads(subprocess.run([*command, "--json"], capture_output=True, check=True, env=environ).stdout)
    assert facts["settings"]["rotation"] == {"value": "180", "from": f"{file} (POST /settings)", "default": "0"}
    assert env_file.read_text() == text


def test_commands_know_the_settings_of_the_page(tmp_path: Path) -> None:
    """`status`, `doctor` and `selftest` compare the process with these, not with those of the file alone."""
    keep(tmp_path, TEST_PATTERN, name="Nest box", fps="12")
    environ = {"STATE_DIRECTORY": str(tmp_path), "cam0_source": "test-pattern", "cam0_quality": "50"}
    settings = load_as_service(environ, file=Path("/dev/null")).cameras[0]
    assert (settings.title, settings.fps, settings.quality) == ("Nest box", 12.0, 50)
