"""`soft-stream serve --all`: its processes, signals and errors."""

import os
import pty
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.cli.serving_all import TWO_TEST_CAMERAS, children_of, command, is_running, make_environ, serving_all
from tests.support.processes import free_ports, run


def until(condition: Callable[[], object]) -> None:
    """Wait for something to happen, for as long as the test may run."""
    while not condition():
        time.sleep(0.02)


def test_two_test_cameras_until_a_signal(tmp_path: Path) -> None:
    """Each camera has a process, whose address and kind are printed; one or two signals stop all of them."""
    with serving_all(tmp_path) as served:
        bed = served.until_printed("Bed: ")
        assert served.lines[0] == f"Door: http://127.0.0.1:{served.base}/  (a test camera)\n"
        assert bed == f"Bed: http://127.0.0.1:{served.base + 1}/  (a test camera)"
        for port in (served.base, served.base + 1):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/snapshot.jpg") as snapshot:
                assert snapshot.headers["Content-Type"] == "image/jpeg"
        children = served.children()
        assert len(children) == 2
        served.process.send_signal(signal.SIGTERM)
        served.process.send_signal(signal.SIGTERM)
        assert served.wait() == 0
        assert served.lines[2:] == ["Stopping ...\n"]
        assert not any(map(is_running, children))
        assert not any("Traceback" in line for line in served.errors)


def test_each_page_has_links_to_the_ports_of_the_others(tmp_path: Path) -> None:
    """--port-base counts for the links, too; flags are for all cameras."""
    with serving_all(tmp_path, "--fps", "7", "--hflip") as served:
        served.until_printed("Bed: ")
        with urllib.request.urlopen(f"http://127.0.0.1:{served.base}/cameras.json") as answer:
            assert f":{served.base + 1}/" in answer.read().decode()
        served.until_logged("Listening on", 2)
        for pid in served.children():
            arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            assert {"--fps=7", "--hflip=1"} <= {*arguments}


def test_a_killed_parent_takes_its_processes_along(tmp_path: Path) -> None:
    """After kill -9 the kernel stops the cameras in order."""
    with serving_all(tmp_path) as served:
        served.until_printed("Bed: ")
        children = served.children()
        assert len(children) == 2
        served.process.kill()
        until(lambda: not any(map(is_running, children)))
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"http://127.0.0.1:{served.base}/")


def test_a_camera_whose_process_is_killed_is_started_again(tmp_path: Path) -> None:
    """The other camera goes on, and one line says what happened."""
    with serving_all(tmp_path) as served:
        served.until_printed("Bed: ")
        first, second = served.children()
        os.kill(first, signal.SIGKILL)
        served.until_logged(": the process has ended (SIGKILL); it is started again in 2 s")
        served.until(lambda: len(served.children()) == 2 and first not in served.children(), "a new process")
        assert second in served.children()
        for port in (served.base, served.base + 1):
            until(partial(_answers, port))
        assert len([line for line in served.lines if "http://" in line]) == 2


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("keys", [b"\x03", b"\x03\x03", None])
def test_a_terminal(tmp_path: Path, keys: bytes | None) -> None:
    """Ctrl-C once or twice, and closing the terminal, stop all processes without a traceback."""
    environ = make_environ(tmp_path, {"PYTHONUNBUFFERED": ""})  # a closed terminal gets what is in the buffer, too
    (tmp_path / "settings.env").write_text(TWO_TEST_CAMERAS)
    base = free_ports(2)
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        arguments = command("--env-file", "settings.env", "--port-base", str(base))
        os.execve(arguments[0], arguments, environ)  # noqa: S606 # our own program
    output = b""
    while b"Ctrl-C stops all cameras." not in output:
        output += os.read(terminal, 4096)
    children = children_of(pid)
    assert len(children) == 2
    if keys:
        os.write(terminal, keys)
        output = b""
        try:
            while text := os.read(terminal, 4096):
                output += text
        except OSError:  # the other end is closed
            assert b"Stopping ..." in output
            assert b"Traceback" not in output
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not any(map(is_running, children))


@pytest.mark.parametrize("opened", [os.pipe, os.openpty])
def test_a_closed_output(tmp_path: Path, opened: Callable[[], tuple[int, int]]) -> None:
    """`soft-stream serve --all | head -n 1` leaves no process behind, nor does a terminal that is closed meanwhile."""
    (tmp_path / "settings.env").write_text(TWO_TEST_CAMERAS)
    reading, writing = opened()
    base = free_ports(2)
    arguments = command("--env-file", str(tmp_path / "settings.env"), "--port-base", str(base))
    os.close(reading)
    with subprocess.Popen(arguments, stdout=writing, stderr=subprocess.PIPE, env=make_environ(tmp_path)) as process:
        os.close(writing)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert not _answers(base)


def test_a_taken_port(tmp_path: Path) -> None:
    """The program that has it and the next free ports are printed before any address, and no camera is started."""
    base = free_ports(6)
    (tmp_path / "settings.env").write_text(TWO_TEST_CAMERAS)
    with socket.create_server(("127.0.0.1", base + 1)), socket.create_server(("127.0.0.1", base + 2)):
        done = run(
            *("serve", "--all", "--env-file", str(tmp_path / "settings.env"), "--port-base", str(base)),
            cwd=tmp_path, HOME=str(tmp_path),
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (75, "")
    taken, free = done.stderr.splitlines()
    assert re.fullmatch(
        rf"http://127\.0\.0\.1:{base + 1} \(cam1_bind, cam1_port\) is taken: \S+ \(pid {os.getpid()}\) listens there",
        taken,
    )
    assert free == f"Free ports: --port-base {base + 3}"


def test_a_second_start(tmp_path: Path) -> None:
    """It names the first one, whose ports it would need, and not the Python that runs it."""
    with serving_all(tmp_path) as served:
        served.until_printed("Bed: ")
        done = run(
            *("serve", "--all", "--env-file", str(tmp_path / "settings.env"), "--port-base", str(served.base)),
            cwd=tmp_path, HOME=str(tmp_path),
        )  # fmt: skip
        assert done.returncode == 75
        first, *_ = served.children()
        assert (
            f"http://127.0.0.1:{served.base} (cam0_bind, cam0_port) is taken: soft-stream (pid {first})" in done.stderr
        )


@pytest.mark.parametrize(
    ("settings", "arguments", "status", "sentence"),
    [
        (None, "", 78, "there is no settings file; `soft-stream init` writes ./camera-soft-stream.env"),
        ("cam_fps=5\n", "", 78, "no camera is configured; add a camN_ line for camera N"),
        ("cam0_fps=fast\ncam1_fps=5\n", "", 78, ":1: cam0_fps=fast: must be a number"),
        ("cam3_fps=5\n", "--port-base 65533", 78, "--port-base 65533: camera 3 would have port 65536"),
        ("cam0_bind=0.0.0.0\n", "", 78, "0.0.0.0:18081, and "),
        ("cam0_fps=5\n", "--port-base 0", 2, "must be a whole number from 1 to 65535"),
        ("cam0_fps=5\n", "--camera 0", 2, "--camera cannot be used with --all: it is for one camera"),
        ("cam0_fps=5\n", "--port 80", 2, "it is for one camera; --port-base is for all"),
        ("cam0_fps=5\n", "--log-file /x", 2, "--log-file cannot be used with --all"),
        ("cam0_fps=5\n", "--index 1", 2, "--index cannot be used with --all"),
        ("cam0_fps=5\n", "--lan --bind ::", 2, "--bind cannot be used with --all: it is what --lan sets"),
    ],
)
def test_wrong_use(tmp_path: Path, settings: str | None, arguments: str, status: int, sentence: str) -> None:
    """Each message has what is wrong, and no camera is started."""
    users = {"cam_users_file": str(tmp_path / "none")}
    if settings:
        (tmp_path / "camera-soft-stream.env").write_text(f"cam_source=test-pattern\n{settings}")
        sentence = sentence.replace(":1:", ":2:")
    done = run("serve", "--all", *arguments.split(), cwd=tmp_path, HOME=str(tmp_path), **users)
    assert (done.returncode, done.stdout) == (status, "")
    assert sentence in done.stderr


@pytest.mark.parametrize("flag", ["--lan", "--port-base=1"])
def test_options_of_all_cameras(flag: str) -> None:
    """Without --all they are refused."""
    done = run("serve", flag)
    assert done.returncode == 2
    assert done.stderr.endswith(f"{flag.partition('=')[0]} needs --all\n")
