"""scripts/start.sh: its help, and what it says where it cannot install something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.processes import ENVIRON

# Programs that the script itself needs, and no Python.
TOOLS = ("bash", "cat", "dirname", "head", "id", "mktemp", "rm", "sed", "grep", "sha256sum", "tail", "uname")


def make_path(folder: Path, **programs: str) -> str:
    """Make a folder of programs, with scripts of ours among them, and return it as $PATH."""
    folder.mkdir()
    for tool in TOOLS:
        if tool not in programs:
            (folder / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    for name, text in programs.items():
        script = folder / name.replace("_", "-")
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
    return str(folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout without .venv."""
    place = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", place / "scripts", ignore=lambda *_: ["rollout", "__pycache__"])
    for name in ("pyproject.toml", "camera-soft-stream.env"):
        shutil.copy(ROOT / name, place)
    return place


def start(checkout: Path, path: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the script in another folder, with these programs only."""
    command = [shutil.which("bash") or "bash", str(checkout / "scripts/start.sh"), *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": path} | environ,
        cwd=checkout.parent,
        timeout=120,
    )


def test_help_needs_nothing(checkout: Path, tmp_path: Path) -> None:
    """The help is printed before anything is installed, also beside other options."""
    for arguments in (("--help",), ("--lan", "-h")):
        done = start(checkout, make_path(tmp_path / arguments[0], uname="echo Darwin"), *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "--lan " in done.stdout
        assert "--port-base N" in done.stdout
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("system", ["Darwin", "FreeBSD"])
def test_other_systems(checkout: Path, tmp_path: Path, system: str) -> None:
    """One line says that the server runs on Linux."""
    done = start(checkout, make_path(tmp_path / "bin", uname=f"echo {system}"))
    assert done.returncode == 1
    assert done.stderr == f"camera-soft-stream runs only on Linux, such as Raspberry Pi OS; this is {system}.\n"


def test_python_is_too_old(checkout: Path, tmp_path: Path) -> None:
    """The message has the version that is there and the one that is needed."""
    old = 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi'
    # the script also tries the Python of the system, which is hidden by a name without a slash
    setup = checkout / "scripts/setup.sh"
    setup.write_text(setup.read_text().replace("/usr/bin/python3", "no-python3"))
    done = start(checkout, make_path(tmp_path / "bin", python3=old))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Python 3.11 or newer is needed; this machine has only Python 3.9.2.",
        "Raspberry Pi OS 12 (Bookworm) has it, and Debian 12.",
    ]


# A Python that is new enough, and has no module venv.
WITHOUT_VENV = 'case "$2" in "import ensurepip, venv" | "import libcamera, picamera2") exit 1 ;; esac'
# `apt-get` that finds no server; `sudo` that asks for no password.
NO_SERVER = """case "$1" in
    update) echo "W: Failed to fetch http://deb.debian.org/debian/dists/x  Temporary failure resolving 'x'" >&2 ;;
    *) echo "E: Unable to locate package $4" >&2 && exit 100 ;;
esac"""


def test_without_python3_venv(checkout: Path, tmp_path: Path) -> None:
    """Two lines have the command that installs it, if the user may not, and also if there is no network."""
    python = str(tmp_path / "bin" / "python3")
    path = make_path(tmp_path / "bin", python3=WITHOUT_VENV)
    done = start(checkout, path, PYTHON=python)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "python3-venv is missing, and this script may not install it. Install it with:",
        "    sudo apt-get install python3-venv",
    ]
    path = make_path(tmp_path / "others", python3=WITHOUT_VENV, apt_get=NO_SERVER, sudo='[ "$2" = true ] || "${@#-n}"')
    done = start(checkout, path, PYTHON=python)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("python3-venv cannot be installed: ")
    assert lines[2] == "Try it yourself: sudo apt-get update && sudo apt-get install python3-venv"


def test_without_a_network(checkout: Path) -> None:
    """Two lines say that pip cannot reach its index and why; pip's own lines and a traceback are not printed."""
    done = start(
        checkout, ENVIRON["PATH"], PYTHON=sys.executable, PIP_RETRIES="1", PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_CONFIG_FILE=os.devnull,
    )  # fmt: skip
    assert done.returncode == 1
    first, *others = done.stderr.splitlines()
    assert first.startswith("Setting up .venv with Python 3.")
    assert others == [
        "pip cannot reach its package index: Connection refused.",
        "Check the internet connection and the clock of this machine, or deploy to it (docs/deploy.md).",
    ]


def test_all_cameras_of_the_checkout(checkout: Path) -> None:
    """With .venv the cameras of the checkout's file are served, whatever the working directory; options are passed."""
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    done = start(checkout, ENVIRON["PATH"], "--port-base", "0")
    assert done.returncode == 2
    assert "--port-base" in done.stderr
    settings = checkout / "camera-soft-stream.env"
    settings.write_text(f"{settings.read_text()}\ncam0_hflip=left\n")
    done = start(checkout, ENVIRON["PATH"])
    assert done.returncode == 78
    assert f"{settings}:" in done.stderr
    assert "cam0_hflip=left" in done.stderr
    other = checkout.parent / "other.env"
    other.write_text("cam0_name=Other\ncam0_fps=fast\n")
    done = start(checkout, ENVIRON["PATH"], "--env-file", "other.env")
    assert done.returncode == 78
    assert "other.env:2: cam0_fps=fast" in done.stderr
