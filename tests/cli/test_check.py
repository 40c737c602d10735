"""`soft-stream check`: what it prints of valid settings, and of a process that runs with others."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from soft_stream.access.accounts import Accounts
from soft_stream.cli import checked_settings
from soft_stream.config.loader import load
from soft_stream.config.settings import SETTINGS
from tests.support.processes import free_port, run, serving
from tests.support.terminals import at_terminal

LINE = re.compile(r"(cam\d+_\w+)=")
LAST = "# All other settings have their defaults; --all shows them, too."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a settings file of two cameras whose ports nothing uses."""
    file = tmp_path / "settings.env"
    file.write_text(
        f"cam_fps=15\ncam_quality=80\ncam0_name=Nozzle\ncam1_name=Bed\n"
        f"cam_users_file={tmp_path}/none\ncam0_port={free_port()}\ncam1_port={free_port()}\n"
    )
    return file


def lines_of(stdout: str) -> list[str]:
    """Return the lines with settings."""
    return [line for line in stdout.splitlines() if LINE.match(line)]


def test_what_differs_from_the_defaults(file: Path) -> None:
    """Each value has its place and the default, in the syntax of the file; one line says how to see the rest."""
    result = run("check", "--env-file", str(file), cam1_fps="25")
    assert (result.returncode, result.stderr) == (0, "")
    lines = [line.split(maxsplit=2) for line in lines_of(result.stdout)]
    for line in (
        ["cam0_fps=15", "from", f"{file}:1 cam_fps; the default is 30"],
        ["cam1_fps=25", "from", "environment cam1_fps; the default is 30"],
        ["cam1_name=Bed", "from", f"{file}:4 cam1_name; the default is Camera 1"],
    ):
        assert line in lines
    names = {line.partition("=")[0] for line in lines_of(result.stdout)}
    assert names == {f"cam{n}_{name}" for n in (0, 1) for name in ("fps", "name", "port", "users_file")}
    assert result.stdout.count(LAST) == 1


def test_all_settings(file: Path) -> None:
    """With --all the defaults are there, too, and only other values are marked."""
    result = run("check", "--all", "--env-file", str(file))
    lines = lines_of(result.stdout)
    assert [match[1] for line in lines if (match := LINE.match(line))] == [
        f"cam{n}_{name}" for n in (0, 1) for name in SETTINGS
    ]
    assert {line for line in lines if "; the default is " in line} == set(
        lines_of(run("check", "--env-file", str(file)).stdout)
    )
    assert f"cam0_quality=80                          from {file}:2 cam_quality" in lines
    assert "cam1_width=1280                          from default" in lines
    assert LAST not in result.stdout


def test_json(file: Path) -> None:
    """Each camera has a line with all settings; warnings are there, too. Errors are one line, with the same status."""
    file.write_text(f"{file.read_text()}cam0_open_command=no-such-program\n")
    result = run("check", "--json", "--env-file", str(file))
    cameras = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.returncode, [each["camera"] for each in cameras]) == (0, [0, 1])
    assert cameras[0]["settings"].keys() == SETTINGS.keys()
    assert cameras[1]["settings"]["fps"] == {"value": "15", "from": f"{file}:1 cam_fps", "default": "30"}
    assert cameras[0]["warnings"] == ["cam0_open_command: there is no executable no-such-program"]
    file.write_text("cam0_fps=fast\ncam0_quality=101\n")
    wrong = run("check", "--json", "--env-file", str(file))
    assert wrong.returncode == run("check", "--env-file", str(file)).returncode == 78
    assert len(json.loads(wrong.stdout)["problems"]) == 2
    assert wrong.stderr == ""


def test_colour_is_for_terminals(file: Path) -> None:
    """What differs is bold on a terminal, also with --all; elsewhere there are no escape sequences."""
    assert "\033" not in run("check", "--all", "--env-file", str(file)).stdout
    command = [sys.executable, "-m", "soft_stream", "check", "--all", "--env-file", str(file)]
    shown, _ = at_terminal(command, {"TERM": "xterm"}, columns=200)
    assert "\033[1mcam0_fps=15 " in shown
    assert "\033[1mcam0_width" not in shown


def warnings_when(file: Path, expected: int) -> list[str]:
    """Return the warnings of `check` once there are as many: the process notices a change a moment later."""
    while True:
        result = run("check", "--env-file", str(file))
        assert result.returncode == 0, result.stderr
        warnings = [line for line in result.stdout.splitlines() if line.startswith("# warning: ")]
        if len(warnings) == expected:
            return warnings
        time.sleep(0.1)


@pytest.fixture
def running(file: Path) -> Iterator[Path]:
    """Serve camera 0 of the file; return the file."""
    port = int(re.findall(r"^cam0_port=(\d+)", file.read_text(), re.MULTILINE)[0])
    with serving("--env-file", str(file), port=port):
        yield file


def test_a_process_that_runs_with_other_settings(running: Path, tmp_path: Path) -> None:
    """The keys and what to do; a comment, another camera and another file are no reason, and it can be reverted."""
    before = running.read_text()
    assert warnings_when(running, 0) == []
    running.write_text(f"# mine\n{before}cam1_fps=3\n")
    assert warnings_when(running, 0) == []
    running.write_text(before.replace("cam_fps=15", "cam_fps=16"))
    (warning,) = warnings_when(running, 1)
    assert warning == (
        "# warning: camera 0: the settings have changed since its process was started: cam_fps; "
        "to apply them: start that process again"
    )
    link = tmp_path / "link.env"
    link.symlink_to(running)
    assert warnings_when(link, 1) == [warning]
    other = tmp_path / "other.env"
    other.write_text(running.read_text())
    assert warnings_when(other, 0) == []
    running.write_text(before)
    assert warnings_when(running, 0) == []


def test_two_cameras_without_a_device() -> None:
    """Of the V4L2 cameras without a device each but the first has a warning; other cameras have none."""
    environ = {"cam_source": "v4l2", "cam1_device": "/dev/video9", "cam2_name": "c", "cam3_source": "picamera"}
    loaded = load(environ | {"cam0_name": "a", "cam4_name": "e"})
    warnings = {each.settings.camera: each.warnings for each in checked_settings.checked_cameras(loaded)}
    assert {number: any("first V4L2 device" in each for each in its) for number, its in warnings.items()} == {
        0: False,
        1: False,
        2: True,
        3: False,
        4: True,
    }
    assert "cam2_device is empty, so camera 0 and camera 2 would both use the first V4L2 device: set it" in warnings[2]


@pytest.mark.parametrize(("uid", "warns"), [(1000, False), (0, True)])
def test_users_that_only_root_may_read_are_no_fault(monkeypatch: pytest.MonkeyPatch, uid: int, *, warns: bool) -> None:
    """An ordinary user gets a remark; for root it is a warning."""
    hidden = Accounts(problems=("/u cannot be read: Permission denied",), must_login=True)
    monkeypatch.setattr(checked_settings, "read_accounts", lambda *_: hidden)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    (camera,) = checked_settings.checked_cameras(load({"cam0_source": "test-pattern"}))
    assert any("/u cannot be read" in each for each in camera.warnings) is warns
    assert ("logins are not checked without sudo" in camera.remarks) is not warns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            None,
            "# there is no settings file; `soft-stream init` writes ./camera-soft-stream.env",
        ),
        ("cam_fps=5\n", "# camera-soft-stream.env: no camera is configured; add a camN_ line for camera N"),
    ],
)
def test_without_a_camera(tmp_path: Path, text: str | None, said: str) -> None:
    """It says what to do next, as `serve --all` does."""
    if text:
        (tmp_path / "camera-soft-stream.env").write_text(text)
    done = run("check", cwd=tmp_path)
    assert done.returncode == 0
    assert said in done.stdout
    assert ("no problems" in done.stdout) is bool(text)
