"""The flags of the older programs' documents, given to the program as a process of its own."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.older_programs.promises import tried_by
from tests.older_programs.test_urls import size_of
from tests.support.processes import ENVIRON, free_port, run, serving

THIS = "tests/older_programs/test_flags.py"
SMALL = ("--width", "160", "--height", "120")
needs_ipv6 = pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")


def get(url: str) -> bytes:
    """Return the body of an answer."""
    with urllib.request.urlopen(url) as answer:
        body: bytes = answer.read()
        return body


def config(url: str) -> dict[str, Any]:
    """Return the effective settings."""
    found: dict[str, Any] = json.loads(get(f"{url}/?info"))["config"]
    return found


@pytest.mark.parametrize("flag", tried_by(f"{THIS}::test_help"))
def test_help(flag: str) -> None:
    """The help has each flag of the older program."""
    done = run("serve", flag)
    assert done.returncode == 0
    for flag in ("--width", "--height", "--index", "--ipv", "--v4bindaddress", "--v6bindaddress", "--port",
                 "--encodewait", "--streamwait", "--rotate", "--showfps", "--loghttp"):  # fmt: skip
        assert re.search(rf"^  {flag}\b", done.stdout, re.MULTILINE), flag


def test_size() -> None:
    """Frames have the width and the height of the flags."""
    with serving("--width", "320", "--height", "240") as (_, url):
        assert size_of(get(f"{url}/?snapshot")) == (320, 240)


def listening(port: int) -> set[str]:
    """Return the addresses at which the kernel accepts connections to a port."""
    found = set()
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        table = Path("/proc/net", name)
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            address, state = line.split()[1], line.split()[3]
            digits, _, number = address.partition(":")
            if state == "0A" and int(number, 16) == port:
                words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
                found.add(socket.inet_ntop(family, b"".join(words)))
    return found


@pytest.mark.parametrize(
    ("flags", "version", "address", "others"),
    [
        (["--ipv", "4"], 4, "127.0.0.1", set()),
        (["--v4bindaddress", "0.0.0.0"], 4, "0.0.0.0", set()),  # noqa: S104 # the older program's default
        pytest.param(["--ipv", "6"], 6, "::1", set(), marks=needs_ipv6),
        # the older program serves IPv4 clients there, too
        pytest.param(["--ipv", "6", "--v6bindaddress", "::"], 6, "::", {"0.0.0.0"}, marks=needs_ipv6),  # noqa: S104 # as there
    ],
)
def test_addresses(flags: list[str], version: int, address: str, others: set[str]) -> None:
    """The process listens on these addresses and on no others, as the kernel has it, and `/?info` shows the address."""
    port = free_port()
    with serving(*flags, port=port):
        facts = config(f"http://{'127.0.0.1' if version == 4 else '[::1]'}:{port}")
        assert listening(port) == {address, *others}
    assert (facts["ipv"], facts[f"v{version}bindaddress"], facts["port"]) == (version, address, port)


def test_port() -> None:
    """The process listens on the port."""
    port = free_port()
    with serving("--ipv", "4", port=port):
        assert get(f"http://127.0.0.1:{port}/healthz")


@pytest.mark.parametrize(("flags", "rate"), [(["--encodewait", ".1"], 10), (["--streamwait", ".2"], 5)])
def test_waits(flags: list[str], rate: float) -> None:
    """A client gets at most one frame in this time, by the times at which the frames were captured."""
    times: list[float] = []
    with serving(*SMALL, *flags) as (_, url), urllib.request.urlopen(f"{url}/?stream") as stream:
        while len(times) < 12:
            name, _, value = stream.readline().partition(b": ")
            if name == b"X-Timestamp":
                times.append(float(value))
    assert (len(times) - 1) / (times[-1] - times[0]) < rate * 1.2


@pytest.mark.parametrize("flag", tried_by(f"{THIS}::test_rotation"))
def test_rotation(flag: str) -> None:
    """0 and 2 are quarter turns, 1 is upside down; `/?info` has the number."""
    with serving(*SMALL, *flag.split()) as (_, url):
        rotate = int(flag.split()[1])
        assert config(url)["rotate"] == rotate
        assert size_of(get(f"{url}/?snapshot")) == ((160, 120) if rotate == 1 else (120, 160))


def test_showfps() -> None:
    """A line with the rates appears while a client streams."""
    with serving(*SMALL, "--showfps") as (process, url), urllib.request.urlopen(f"{url}/?stream"):
        assert process.stderr
        assert any("FPS: captured " in line for line in process.stderr)


def test_loghttp() -> None:
    """Each request is logged."""
    with serving(*SMALL, "--loghttp") as (process, url):
        get(f"{url}/?snapshot")
        assert process.stderr
        assert any("HTTP: 127.0.0.1 GET /?snapshot: 200" in line for line in process.stderr)


@pytest.mark.parametrize("flag", tried_by(f"{THIS}::test_the_watchdog"))
def test_the_watchdog(flag: str) -> None:
    """The time limit for frames is the value of the flag."""
    with serving(*SMALL, *flag.split()) as (_, url):
        assert config(url)["watchdog_timeout"] == float(flag.split()[1])


@contextmanager
def quiet(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Serve for the block, also where nothing is logged."""
    port = free_port()
    soft_stream = str(Path(sys.executable).with_name("soft-stream"))
    command = [soft_stream, "serve", "--source", "test-pattern", "--port", str(port), *SMALL, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRON) as process:
        try:
            until_healthy(process, f"http://127.0.0.1:{port}")
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def until_healthy(process: "subprocess.Popen[str]", url: str) -> None:
    """Wait until a process answers."""
    answer = b""
    while not answer and process.poll() is None:
        with suppress(OSError):
            answer = get(f"{url}/healthz")
        time.sleep(0.05)


@pytest.mark.parametrize(("letter", "hidden"), [("D", set()), ("I", {"DEBUG"}), ("W", {"DEBUG", "INFO"})])
def test_the_level_of_the_log(tmp_path: Path, letter: str, hidden: set[str]) -> None:
    """The log has only lines of the level of `-d` and above, whatever the settings file says."""
    file = tmp_path / "camera-soft-stream.env"
    file.write_text("cam_log_level=critical\n")
    with quiet("-d", letter, "--env-file", str(file)) as (process, url):
        get(f"{url}/?snapshot")
        process.terminate()
        assert process.stderr
        levels = {line.split()[0] for line in process.stderr}
    assert levels >= {"DEBUG", "INFO"} - hidden
    assert not levels & hidden


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_the_words_for_levels(level: str) -> None:
    """The word and its first letter are accepted."""
    soft_stream = str(Path(sys.executable).with_name("soft-stream"))
    for word in (level, level[0]):
        done = subprocess.run(
            [soft_stream, "check", "--all"],
            env=ENVIRON | {"cam_log_level": word},
            text=True,
            capture_output=True,
            check=True,
        )
        assert re.search(rf"^cam0_log_level={level.lower()} ", done.stdout, re.MULTILINE)
