"""`soft-stream snapshot`: where the JPEG goes, and the exit status."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.fake_libcamera import environment, installed
from tests.support.processes import ENVIRON, as_other_user, free_port, run, serving
from tests.support.terminals import after_progress, at_terminal

SNAPSHOT = [sys.executable, "-m", "soft_stream", "snapshot"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a settings file with a test camera on a free port."""
    file = tmp_path / "settings.env"
    file.write_text(
        f"cam_source=test-pattern\ncam_users_file=\ncam_bind=127.0.0.1\ncam0_port={free_port()}\ncam_width=160\n"
        "cam_height=120\ncam_snapshot_width=320\ncam_snapshot_height=240\n"
    )
    return file


def port_of(file: Path) -> int:
    """Return the port in the settings."""
    match = re.search(r"cam0_port=(\d+)", file.read_text())
    assert match
    return int(match[1])


def piped(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run the command; its standard output is a pipe."""
    return subprocess.run([*SNAPSHOT, *arguments], capture_output=True, check=False, cwd=cwd, env=ENVIRON)


def is_jpeg(content: bytes) -> bool:
    """Return whether bytes begin and end as a JPEG."""
    return content.startswith(b"\xff\xd8") and content.endswith(b"\xff\xd9")


@pytest.mark.parametrize("is_served", [True, False])
def test_a_pipe_gets_the_jpeg(file: Path, tmp_path: Path, *, is_served: bool) -> None:
    """From the process, which opens the camera for it, or from the camera itself; nothing else is printed."""
    arguments = ("--env-file", str(file))
    if is_served:
        with serving(*arguments, port=port_of(file)) as (process, _):
            done = piped(*arguments)
            process.send_signal(signal.SIGTERM)
            assert process.stderr
            assert "for 127.0.0.1 (internal) /cam0/snapshot.jpg" in process.stderr.read()
    else:
        done = piped(*arguments, "-o", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert is_jpeg(done.stdout)
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".jpg"] == []


def test_a_terminal_gets_a_file(file: Path, tmp_path: Path) -> None:
    """Its name is printed."""
    text, status = at_terminal([*SNAPSHOT, "--env-file", str(file)], {"TERM": "xterm"}, cwd=tmp_path)
    [name] = after_progress(text).splitlines()
    assert status == 0
    assert re.fullmatch(r"cam0-\d{8}-\d{6}\.jpg", name)
    assert is_jpeg((tmp_path / name).read_bytes())


def test_a_terminal_gets_no_bytes(file: Path) -> None:
    """`-o -` would make it unreadable."""
    text, status = at_terminal([*SNAPSHOT, "--env-file", str(file), "-o", "-"], {"TERM": "xterm"})
    assert (status, text) == (65, "The standard output gets no JPEG, because it is a terminal; use -o FILE.\n")


@pytest.mark.parametrize(("size", "expected"), [("full", b"\x00\xf0\x01\x40"), ("stream", b"\x00\x78\x00\xa0")])
def test_a_file_and_a_size(file: Path, tmp_path: Path, size: str, expected: bytes) -> None:
    """The file is replaced, and nothing is printed."""
    target = tmp_path / "bed.jpg"
    target.write_bytes(b"old")
    done = piped("--env-file", str(file), "-o", str(target), "--size", size)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert is_jpeg(target.read_bytes())
    assert expected in target.read_bytes()  # height and width, of the frame header


def test_what_cannot_be_written_is_found_before_the_camera_opens(file: Path, tmp_path: Path) -> None:
    """The status is 65, and the process has no client."""
    arguments = ("--env-file", str(file))
    os.mkfifo(tmp_path / "pipe")
    with serving(*arguments, port=port_of(file)) as (process, _):
        for target in (tmp_path, tmp_path / "pipe", tmp_path / "none" / "x.jpg", Path("/dev/null")):
            done = run("snapshot", *arguments, "-o", str(target))
            assert (done.returncode, done.stdout) == (65, "")
            assert str(target) in done.stderr
            assert done.stderr.count("\n") == 1
        closed = subprocess.run(
            ["/bin/sh", "-c", f"{' '.join(SNAPSHOT)} --env-file {file} >&-"],
            capture_output=True, text=True, check=False, env=ENVIRON,
        )  # fmt: skip
        assert (closed.returncode, closed.stderr) == (
            65,
            "The standard output gets no JPEG, because it is closed; use -o FILE.\n",
        )
        process.terminate()
        assert process.stderr
        assert "STARTING" not in process.stderr.read()


def test_a_full_disk_behind_a_redirection(file: Path) -> None:
    """The message is one line."""
    shell = f"{' '.join(SNAPSHOT)} --env-file {file} > /dev/full"
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=False, env=ENVIRON)
    assert (done.returncode, done.stderr) == (65, "The output cannot be written: No space left on device\n")


def test_a_camera_that_is_not_in_the_settings(file: Path) -> None:
    """Another camera must not take its place, such as a test camera because the settings have one."""
    done = piped("--env-file", str(file), "--camera", "7")
    assert (done.returncode, done.stdout) == (78, b"")
    assert done.stderr.decode() == f"Camera 7 is not in {file}, which has camera 0.\n"


def test_a_paused_camera(file: Path, tmp_path: Path) -> None:
    """There is no snapshot of before, and an earlier file stays."""
    target = tmp_path / "bed.jpg"
    target.write_bytes(b"earlier")
    with serving("--env-file", str(file), port=port_of(file)) as (_, url):
        urllib.request.urlopen(urllib.request.Request(f"{url}/pause", method="POST")).close()
        done = run("snapshot", "--env-file", str(file), "-o", str(target))
    assert (done.returncode, done.stderr) == (75, "Camera 0: paused by 127.0.0.1.\n")
    assert target.read_bytes() == b"earlier"


def test_a_process_that_hangs(file: Path) -> None:
    """The camera is not opened beside it."""
    with serving("--env-file", str(file), port=port_of(file)) as (process, url):
        process.send_signal(signal.SIGSTOP)
        done = run("snapshot", "--env-file", str(file), "-o", "-")
        process.send_signal(signal.SIGCONT)
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == f"Camera 0: {url}: no answer for 5 s.\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_user_who_may_not_open_the_camera(tmp_path: Path) -> None:
    """The sentence says what helps."""
    script = as_other_user(
        "soft_stream.diagnostics.doctor.permissions",
        "soft_stream.diagnostics.snapshot",
        "soft_stream.cli.running",
        before="permissions.DEVICES = ('video*',)",
    )
    tmp_path.chmod(0o755)
    (tmp_path / "video0").touch(0o660)
    command = [sys.executable, "-c", script, "snapshot", "-o", "-"]
    environ = ENVIRON | {"cam0_source": "picamera", "cam0_port": str(free_port()), "HOME": "/"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Camera 0: no process serves it, and this user may not open video0. Run the command with sudo, or as a "
        "member of the group video.\n"
    )


@pytest.mark.skipif(not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there")
@pytest.mark.parametrize(("number", "status"), [("0", 0), ("1", 66)])
def test_a_real_camera_without_a_process(tmp_path: Path, number: str, status: int) -> None:
    """It is found as `serve` finds it; one that is not connected is missing."""
    environ = ENVIRON | environment("pi4", tmp_path / "verbs") | {
        "cam_source": "picamera", "cam_start_timeout": "60", f"cam{number}_port": str(free_port()), "cam_width": "640",
        "cam_height": "480", "cam_snapshot_width": "1280", "cam_snapshot_height": "720", "HOME": str(tmp_path),
    }  # fmt: skip
    target = tmp_path / "bed.jpg"
    command = [*SNAPSHOT, "--camera", number, "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ)
    assert done.returncode == status, done.stderr
    if status:
        assert "camera number 1 (counted from 0) is not connected" in done.stderr
        assert not target.exists()
    else:
        assert is_jpeg(target.read_bytes())
