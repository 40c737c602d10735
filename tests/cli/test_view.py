"""`soft-stream view`: the program that it starts, what that gets, and the exit status."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.logins import PASSWORDS, USERS
from tests.support.processes import ENVIRON, free_port, serving

VIEW = [str(Path(sys.executable).with_name("soft-stream")), "view"]
PASSWORD = PASSWORDS["adam"]
PLAYER = Path(__file__).with_name("counting_player.py")
JPEG = ["ffd8", "ffd9"]


def write_settings(folder: Path) -> Path:
    """Write a settings file with a test camera on a free port, which asks for a login."""
    (folder / "users").write_text(USERS)
    file = folder / "settings.env"
    file.write_text(
        f"cam_source=test-pattern\ncam_users_file={folder}/users\ncam_bind=127.0.0.1\ncam0_port={free_port()}\n"
        "cam_width=160\ncam_height=120\ncam0_name=Bed\ncam_auth=always\n"
    )
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write settings which no server has yet."""
    return write_settings(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Serve the camera of a settings file; yield the file."""
    file = write_settings(tmp_path_factory.mktemp("served"))
    with serving("--env-file", str(file), port=port_of(file)):
        yield file


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Install the program of the tests as `mpv`, and no other; return the environment with it and a display."""
    program = tmp_path / "bin" / "mpv"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{PLAYER.read_text()}")
    program.chmod(0o755)
    return {
        **{name: text for name, text in ENVIRON.items() if name != "WAYLAND_DISPLAY"},
        "PATH": str(program.parent),
        "DISPLAY": ":0",
        "PLAYER_FILE": str(tmp_path / "seen.json"),
        "PLAYER_PICTURES": "5",
    }


def port_of(file: Path) -> int:
    """Return the port in the settings."""
    (line,) = [line for line in file.read_text().splitlines() if line.startswith("cam0_port=")]
    return int(line.partition("=")[2])


def seen(environ: dict[str, str]) -> Any:
    """Return what the program has got so far."""
    try:
        return json.loads(Path(environ["PLAYER_FILE"]).read_text())
    except FileNotFoundError:
        return {"pictures": [], "arguments": []}


def view(environ: dict[str, str], *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run([*VIEW, *arguments], capture_output=True, text=True, input=text, check=False, env=environ)


def until(happened: Callable[[], object]) -> None:
    """Wait until something is true; the time limit of the whole run ends a wait that never succeeds."""
    while not happened():
        time.sleep(0.02)


@pytest.mark.parametrize("status", [0, 7])
def test_a_camera(served: Path, environ: dict[str, str], status: int) -> None:
    """The program gets live pictures and the title, and its exit status is passed on."""
    arguments = ("--env-file", str(served))
    done = view(environ | {"PLAYER_STATUS": str(status)}, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")
    assert [each[:2] for each in seen(environ)["pictures"]] == [JPEG] * 5
    assert len({each[2] for each in seen(environ)["pictures"]}) == 5
    assert "--title=Bed" in seen(environ)["arguments"]
    assert seen(environ)["arguments"][-1] == "-"


@pytest.mark.parametrize("way", ["URL", "file", "stdin"])
def test_a_login_is_not_passed_on(served: Path, environ: dict[str, str], tmp_path: Path, way: str) -> None:
    """The login for a URL is neither in the arguments nor in the environment of the program."""
    url = f"http://{f'adam:{PASSWORD}@' if way == 'URL' else ''}127.0.0.1:{port_of(served)}/"
    (tmp_path / "login").write_text(f"adam:{PASSWORD}\n")
    login = {"URL": [], "file": ["--login", str(tmp_path / "login")], "stdin": ["--login", "-"]}[way]
    done = view(environ, url, *login, text=f"adam:{PASSWORD}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert PASSWORD not in json.dumps(seen(environ))
    assert f"--title=127.0.0.1:{port_of(served)}" in seen(environ)["arguments"]


def test_options_of_the_program(served: Path, environ: dict[str, str]) -> None:
    """They are split as a shell does, and make the display the business of the program."""
    del environ["DISPLAY"]
    done = view(environ, "0", "--env-file", str(served), "--options=--vo=null '--osd-msg1=a b'")
    assert done.returncode == 0, done.stderr
    assert seen(environ)["arguments"][-3:] == ["--vo=null", "--osd-msg1=a b", "-"]


def test_a_wrong_login(served: Path, environ: dict[str, str]) -> None:
    """The program does not start, and the message has no password."""
    url = f"http://adam:wrong-secret@127.0.0.1:{port_of(served)}/stream.mjpg?token=abc"
    done = view(environ, url)
    assert done.returncode == 1
    assert done.stderr == (
        f"http://127.0.0.1:{port_of(served)}/stream.mjpg?token=***: the server wants another login (status 401); "
        "--login FILE has one for a URL.\n"
    )
    assert seen(environ)["pictures"] == []


def test_the_server_is_restarted(file: Path, environ: dict[str, str]) -> None:
    """The program runs on: it gets pictures that say that they are not live, and then live ones again."""
    arguments = ("--env-file", str(file))
    with serving(*arguments, port=port_of(file)) as (server, _):
        command = [*VIEW, *arguments]
        process = subprocess.Popen(
            command, env=environ | {"PLAYER_PICTURES": "1000000"}, stderr=subprocess.PIPE, text=True
        )
        until(lambda: len(seen(environ)["pictures"]) > 3)
        server.send_signal(signal.SIGTERM)
        server.wait()
    count = len(seen(environ)["pictures"])
    until(lambda: len(seen(environ)["pictures"]) > count + 2)  # notices
    with serving(*arguments, port=port_of(file)):
        count = len(seen(environ)["pictures"])
        until(lambda: len(seen(environ)["pictures"]) > count + 30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert "Bed: " in said
    assert "connecting again" in said


def test_without_a_process(file: Path, environ: dict[str, str]) -> None:
    """The message says how to start it; the status is 75."""
    done = view(environ, "--env-file", str(file))
    assert done.returncode == 75
    assert f"soft-stream serve --camera 0 --env-file {file}" in done.stderr
    done = view(environ, f"http://127.0.0.1:{port_of(file)}/stream.mjpg")
    assert (done.returncode, "connection refused" in done.stderr.lower() or "connect" in done.stderr) == (75, True)


def test_something_else_than_a_stream(served: Path, environ: dict[str, str]) -> None:
    """A page or a snapshot is named as such."""
    done = view(environ, f"http://adam:{PASSWORD}@127.0.0.1:{port_of(served)}/snapshot.jpg")
    assert (done.returncode, "the answer is image/jpeg, and not an MJPEG stream" in done.stderr) == (75, True)


def test_without_a_display(served: Path, environ: dict[str, str]) -> None:
    """The message has the address for a browser."""
    del environ["DISPLAY"]
    done = view(environ, "--env-file", str(served))
    assert done.returncode == 1
    assert "neither DISPLAY nor WAYLAND_DISPLAY is set" in done.stderr
    assert f"http://127.0.0.1:{port_of(served)}/ in a browser" in done.stderr


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ((), "sudo apt install mpv"),
        (("--with", "ffplay"), "ffplay is not installed: sudo apt install ffmpeg"),
        (("--with", "gst-launch-1.0"), "sudo apt install gstreamer1.0-tools"),
    ],
)
def test_without_a_program(environ: dict[str, str], options: tuple[str, ...], advice: str) -> None:
    """The message has the command that installs one."""
    os.remove(Path(environ["PATH"]) / "mpv")
    done = view(environ, "http://127.0.0.1:1/stream.mjpg", *options)
    assert (done.returncode, advice in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("100", "100: must be the number of a camera from 0 to 99, or a URL"),
        ("rtsp://10.0.0.5/1", "rtsp://10.0.0.5/1: must be the number of a camera, or a URL"),
        ("http://[::1/", "must be the number of a camera, or a URL"),
        ("http://adam:secret-7@/", "http://***@/: must be the number of a camera, or a URL"),
    ],
)
def test_a_wrong_target(environ: dict[str, str], target: str, message: str) -> None:
    """The message says what it must be, without a password."""
    done = view(environ, target)
    assert (done.returncode, message in done.stderr, "secret-7" in done.stderr) == (1, True, False)
