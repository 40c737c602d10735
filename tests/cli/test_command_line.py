"""The command line: output and exit status."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from soft_stream import __version__
from soft_stream.config.settings import SETTINGS
from tests.support.processes import ENVIRON, free_port, run, serving


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds_of_imports() -> float:
    """Return the CPU time that Python needs to import the libraries of the server."""
    before = os.times()
    subprocess.run([sys.executable, "-c", "import aiohttp.web, jinja2"], check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def sleeps_on(pid: int, seconds: float) -> bool:
    """Return True if no thread of a process is woken for some seconds."""
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    before = [(task / "status").read_text().partition("\nvoluntary_ctxt_switches")[2] for task in tasks]
    time.sleep(seconds)
    return before == [(task / "status").read_text().partition("\nvoluntary_ctxt_switches")[2] for task in tasks]


def test_wrong_settings_end_with_78(tmp_path: Path) -> None:
    """`serve` and `check` list all problems and end with the status that keeps the unit down."""
    file = tmp_path / "settings.env"
    file.write_text("cam0_fps=fast\ncam0_prot=1\n")
    for command in ("serve", "check"):
        result = run(command, "--env-file", str(file))
        assert result.returncode == 78
        assert f"{file}:1: cam0_fps=fast: must be a number" in result.stderr
        assert f"{file}:2: cam0_prot=1: no such setting; did you mean cam0_port?" in result.stderr


@pytest.mark.parametrize("command", ["serve", "selftest"])
def test_the_camera_libraries_get_their_variables(tmp_path: Path, command: str) -> None:
    """Before the camera is opened, the settings file's LIBCAMERA_ keys are in the environment of the process."""
    file = tmp_path / "settings.env"
    file.write_text("LIBCAMERA_LOG_LEVELS=*:WARN\ncam_source=test-pattern\n")
    script = (
        "import asyncio, os, sys; from soft_stream.cli.main import main\n"
        "asyncio.run = lambda coroutine: (coroutine.close(), print(os.environ['LIBCAMERA_LOG_LEVELS']))[0]\n"
        "main(sys.argv[1:])"
    )
    arguments = [sys.executable, "-c", script, command, "--env-file", str(file)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=ENVIRON)
    assert "*:WARN\n" in done.stdout, done.stderr


def test_check_warns_of_a_command_that_does_not_exist(tmp_path: Path) -> None:
    """It may be installed later, so the settings are valid; a command that exists is no warning."""
    file = tmp_path / "settings.env"
    file.write_text("cam0_open_command=no-such-program -d {device}\ncam1_open_command=env -i 'a b'\n")
    result = run("check", "--env-file", str(file))
    assert result.returncode == 0
    assert [line for line in result.stdout.splitlines() if "warning" in line] == [
        "# warning: cam0_open_command: there is no executable no-such-program"
    ]
    assert "cam1_open_command=\"env -i 'a b'\"" in result.stdout


def test_check_finds_the_file_in_this_folder(tmp_path: Path) -> None:
    """Without --env-file and an installed file, ./camera-soft-stream.env is read."""
    (tmp_path / "camera-soft-stream.env").write_text("cam0_name=Here\n")
    assert re.search(r"^cam0_name=Here +from camera-soft-stream.env:1", run("check", cwd=tmp_path).stdout, re.MULTILINE)


def test_help_and_version_name_every_setting() -> None:
    """`serve` has a flag for each setting, and -d for the log level."""
    text = run("serve", "--help").stdout
    for flag in (*(f"--{name.replace('_', '-')}" for name in SETTINGS), "--env-file", "-d"):
        assert re.search(rf"[ \[]{flag}\b", text), flag
    assert run("--version").stdout == f"{__version__}\n"


@pytest.mark.skipif(Path("/usr/bin/libcamera-hello").exists(), reason="libcamera is installed: there may be a camera")
@pytest.mark.parametrize("command", ["serve", "import"])
@pytest.mark.parametrize("number", ["100", "-1", "1.5", "two", ""])
def test_a_wrong_number_of_a_camera(command: str, number: str) -> None:
    """The message has the value and the range, in one line."""
    result = run(command, "--camera", number)
    assert result.returncode == 2
    assert result.stderr.endswith(f"argument --camera: {number!r}: must be a whole number from 0 to 99\n")


@pytest.mark.parametrize("module", ["soft_stream.cli.main", "soft_stream.cli.webcamd", "soft_stream.__main__"])
def test_other_systems(module: str) -> None:
    """One line says that the server needs Linux, before modules are imported that exist only there."""
    code = f"import sys; sys.platform = 'darwin'; sys.modules['fcntl'] = sys.modules['pwd'] = None; import {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=ENVIRON)
    assert done.returncode == 1
    assert done.stderr == "camera-soft-stream runs only on Linux, such as Raspberry Pi OS; this is darwin.\n"


def test_without_picamera2_there_are_no_cameras_to_list() -> None:
    """On a machine without libcamera the output says what is missing, and suggests the test camera."""
    result = run("cameras")
    assert result.returncode == 78
    assert "Picamera2 cannot be imported" in result.stderr
    assert "cam_source=test-pattern" in result.stdout
    as_json = run("cameras", "--json")
    assert (as_json.returncode, as_json.stdout) == (78, "")
    assert as_json.stderr == result.stderr
    served = run("serve", "--source", "picamera")
    assert served.returncode == 78
    assert "cam0_source=picamera: Picamera2 cannot be imported" in served.stderr


def test_a_port_in_use_ends_with_75() -> None:
    """The message about a port in use names its settings; systemd restarts the unit."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--source", "test-pattern", "--port", str(port))
    assert result.returncode == 75
    assert f"Cannot listen on http://127.0.0.1:{port} (cam0_bind, cam0_port): Address already in use\n" in result.stderr


def test_ipv4_and_ipv6_at_once() -> None:
    """Several addresses are served by one process."""
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with serving("--bind", "127.0.0.1", "::1") as (_, url):
        for address in (url, url.replace("127.0.0.1", "[::1]")):
            with urllib.request.urlopen(f"{address}/healthz") as answer:
                assert answer.status == 200


def test_waiting_costs_little() -> None:
    """Until a camera opens, neither numpy nor simplejpeg is loaded; the start needs little CPU time, and then none."""
    imports = cpu_seconds_of_imports()
    with serving() as (process, _):
        started = cpu_seconds(process.pid)
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
        assert not re.search("numpy|simplejpeg|libcamera|PIL", mapped)
        assert any(sleeps_on(process.pid, 2) for _ in range(5))  # it may be about to fall asleep
        assert started < 3 * imports


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_open_streams_and_closes_the_camera(number: signal.Signals) -> None:
    """With open streams the process closes the camera and exits with 0."""
    with serving() as (process, url):
        streams = [urllib.request.urlopen(f"{url}/stream.mjpg") for _ in range(3)]
        for stream in streams:
            stream.read(50_000)
        process.send_signal(number)
        for stream in streams:
            assert stream.read().endswith(b"--softstreamframe\r\n")
            stream.close()
        assert process.wait() == 0
        assert process.stderr
        log = process.stderr.read()
    assert "INFO cam0 Camera closed" in log
    assert log.count("(server shuts down)") == 3
    assert "Traceback" not in log


@pytest.mark.parametrize("command", ["check", "status"])
@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "D\\xfcse \\u2603"),
        ({"PYTHONIOENCODING": "ascii"}, "D\\xfcse \\u2603"),
        ({"PYTHONIOENCODING": "latin-1"}, "D\xfcse \\u2603"),
        ({"LC_ALL": "C"}, "D\xfcse \u2603"),
    ],
)
def test_a_name_that_the_encoding_does_not_have(
    tmp_path: Path, command: str, environ: dict[str, str], name: str
) -> None:
    """It is escaped, as in Python."""
    file = tmp_path / "settings.env"
    file.write_text(f"cam_source=test-pattern\ncam0_port={free_port()}\ncam0_name=D\xfcse \u2603\n", encoding="utf-8")
    arguments = [sys.executable, "-m", "soft_stream", command, "--env-file", str(file)]
    done = subprocess.run(arguments, capture_output=True, check=False, env=ENVIRON | environ)
    assert b"Traceback" not in done.stderr
    assert name in done.stdout.decode(environ.get("PYTHONIOENCODING", "utf-8"))


def test_ctrl_c_is_no_traceback() -> None:
    """A command that is interrupted has the status that shells give it."""
    script = (
        "import signal, sys; from soft_stream.cameras.picamera import library\n"
        "library.connected_cameras = lambda: signal.raise_signal(signal.SIGINT)\n"
        "from soft_stream.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "cameras"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRON)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("module", ["soft_stream.__main__", "soft_stream.cli.webcamd"])
def test_ctrl_c_while_modules_are_imported(module: str) -> None:
    """It ends the process as any program that does not catch it, without a traceback; other errors have one."""
    script = (
        "import sys\nclass Finder:\n    def find_spec(self, name, *_):\n"
        "        if name == 'soft_stream.config.settings': {action}\n"
        f"sys.meta_path.insert(0, Finder())\nimport {module}"
    )
    actions = {"import signal; signal.raise_signal(2)": (-2, False), "raise ImportError": (1, True)}
    for action, (status, has_traceback) in actions.items():
        command = [sys.executable, "-c", script.replace("{action}", action)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRON)
        assert (done.returncode, "Traceback" in done.stderr, done.stdout) == (status, has_traceback, "")
