"""webcamd's own commands, as its documents have them."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import ROOT
from tests.support.fake_libcamera import environment, installed
from tests.support.processes import ENVIRON, free_port

HERE = Path(sys.executable).parent
EVERYWHERE = "0.0.0.0"  # noqa: S104 # the default of webcamd
DOCUMENTED = {
    "width": 1280, "height": 720, "index": 0, "ipv": 4, "v4bindaddress": EVERYWHERE, "v6bindaddress": "::",
    "encodewait": 0.01, "streamwait": 0.01, "rotate": -1, "showfps": False, "loghttp": False,
}  # fmt: skip


@contextmanager
def serving(*command: str, **environ: str) -> Iterator[str]:
    """Run a command with a test camera until it listens; yield its address."""
    port = free_port()
    chosen = ENVIRON | {"cam0_source": "test-pattern", "cam0_port": str(port)} | environ
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=chosen) as process:
        try:
            assert process.stderr
            assert any("Listening on" in line for line in process.stderr)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def config(url: str) -> dict[str, Any]:
    """Return the configuration that `/?info` shows."""
    with urllib.request.urlopen(f"{url}/?info") as answer:
        found: dict[str, Any] = json.load(answer)["config"]
        return found


def test_pip_installs_the_commands(tmp_path: Path) -> None:
    """`pip install .` in the repository brings the command and the module."""
    # What the package needs is there already, and no package index is asked. The 0 does mean "no isolation":
    # https://github.com/pypa/pip/issues/5735
    quiet = {"PIP_TARGET": str(tmp_path), "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    subprocess.run([str(HERE / "pip"), "install", "."], cwd=ROOT, env=os.environ | quiet, check=True)
    environ = {"PYTHONPATH": str(tmp_path)}
    for command in ([str(tmp_path / "bin/webcamd")], [str(HERE / "python3"), "-m", "webcamd"]):
        with serving(*command, **environ) as url:
            assert config(url)["encodewait"] == 0.01


def test_the_command() -> None:
    """`webcamd` without flags serves with the defaults of webcamd."""
    with serving(str(HERE / "webcamd")) as url:
        assert config(url)["width"] == 1280


def test_the_module() -> None:
    """`python3 -m webcamd` is the same."""
    with serving(str(HERE / "python3"), "-m", "webcamd") as url:
        assert config(url)["width"] == 1280


def test_the_help() -> None:
    """The help names the flags."""
    done = subprocess.run([str(HERE / "webcamd"), "--help"], text=True, capture_output=True, check=True, env=ENVIRON)
    assert done.stdout.startswith("usage: webcamd ")
    for flag in (*(flag for flag in DOCUMENTED), "port"):
        assert f"  --{flag}" in done.stdout


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"width": 320, "height": 240, "encodewait": 0.02, "streamwait": 0.05, "rotate": 1, "showfps": True,
         "loghttp": True, "v4bindaddress": "127.0.0.1", "v6bindaddress": "::1"},
    ],
)  # fmt: skip
def test_info_has_the_values_as_they_were_given(given: dict[str, Any]) -> None:
    """Without flags the values are those of the document."""
    flags = [f"--{name}" if value is True else f"--{name}={value}" for name, value in given.items()]
    with serving(str(HERE / "webcamd"), *flags) as url:
        found = config(url)
        assert found | DOCUMENTED | given | {"port": int(url.rpartition(":")[2])} == found


@pytest.mark.skipif(not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there")
@pytest.mark.parametrize(("flags", "node"), [("--index 250", "/dev/video250"), ("--device /dev/video0", "/dev/video0")])
def test_the_index_is_the_number_of_the_device(flags: str, node: str) -> None:
    """The camera is the one of /dev/videoN; if that belongs to no camera, the process ends with 66 and says so."""
    done = subprocess.run(
        [str(HERE / "webcamd"), *flags.split(), "--port", str(free_port())],
        env=ENVIRON | environment("pi5"), text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 66
    assert node in done.stderr
    with serving(str(HERE / "webcamd"), "--index", "250") as url:
        assert config(url)["index"] == 250
