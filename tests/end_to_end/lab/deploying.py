"""Deployments to the container as a contributor runs them, and their effects as seen from outside."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.machine import PATIENCE
from tests.support.checkout import ROOT

PROJECT = ROOT
PYTHON = "/opt/picam/bin/python"
OPT = "/opt/camera-soft-stream"
SETTINGS = "/etc/camera-streamer/camera-soft-stream.env"
CAMERAS = ("camera-soft-cam@0.service", "camera-soft-cam@1.service")
ROLLOUT = "camera-soft-stream-rollout.service"
TWO_CAMERAS = """cam_source=test-pattern
cam_width=640
cam_height=360
cam_autofocus_timeout=0.5
cam0_name=Nozzle
cam1_name=Bed
"""
IN_FORCE = f"""
cd {OPT} && readlink current && ls -A history
find /etc/camera-streamer /etc/nginx /etc/systemd/system /etc/udev /etc/sysusers.d /usr/local -type f \
    -exec sha256sum {{}} + | sort
find /etc/systemd/system /etc/nginx -type l -printf '%p %l\\n' | sort
find /run/systemd/system /run/camera-soft-stream-rollout -name '*camera-soft*' 2>/dev/null || true
"""


class Checkout:
    """A copy of the project that a test may change and roll out; the original stays as it is."""

    def __init__(self, folder: Path, source: Path = PROJECT) -> None:
        self.folder = folder
        others = shutil.ignore_patterns(".git", ".venv", "build", "tests", "__pycache__", ".*_cache")
        shutil.copytree(source, folder, ignore=others)
        for name in (".venv", "build"):
            (PROJECT / name).mkdir(exist_ok=True)
            (folder / name).symlink_to(PROJECT / name)

    def change(self, name: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text in a file."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    def start(self, machine: Container, *words: str, host: str = "pi@container") -> "subprocess.Popen[str]":
        """Start a deployment."""
        command = ["env", "--default-signal=INT", "scripts/deploy-soft-stream.sh", host, *words]
        python = [] if any(word.startswith("--python") for word in words) else ["--python", PYTHON]
        return subprocess.Popen(
            [*command, *python], cwd=self.folder, env=machine.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def deploy(
        self, machine: Container, *words: str, status: int | None = 0, settings: str | None = None, **more: str
    ) -> str:
        """Deploy, with settings of the owner or without; check the exit status and return the output."""
        if settings is not None:
            file = machine.folder / "owner.env"
            file.write_text(settings)
            words = (*words, "--env-file", str(file))
        with self.start(machine, *words, **more) as process:
            said: str = process.communicate(timeout=PATIENCE)[0]
        assert status in (None, process.returncode), f"status {process.returncode}: {said}"
        return said


def in_force(machine: Container) -> str:
    """Return the state of all files that a rollout may change, on the disk and in /run."""
    return machine.output(IN_FORCE)


def pids(machine: Container) -> list[str]:
    """Return the main process of each camera; 0 is none."""
    units = "camera-soft-cam@0 camera-soft-cam@1"
    return machine.output(f"systemctl show --value --property MainPID {units}").split()


def states(machine: Container, *units: str) -> list[tuple[str, str]]:
    """Return for each unit whether it is active and whether it is enabled."""
    show = "systemctl show --value --property ActiveState"
    return [
        (machine.output(f"{show} {unit}"), machine.run(f"systemctl is-enabled {unit}", check=False).stdout.strip())
        for unit in units
    ]


def password(machine: Container) -> str:
    """Return the first password, which only root can read."""
    return machine.output("cut -d ' ' -f 2 /etc/camera-streamer/initial-password")


def measure(machine: Container, url: str, user: str = "camera", secret: str | None = None, frames: int = 20) -> str:
    """Count live frames at a URL with the login; return the output of measure_fps.py."""
    secret = password(machine) if secret is None else secret
    probe = [sys.executable, str(PROJECT / "scripts/measure_fps.py"), url.replace("//", f"//{user}@")]
    done = subprocess.run(
        [*probe, "--frames", str(frames)], env={**os.environ, "SOFT_STREAM_PASSWORD": secret},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"({frames} live frames)" in done.stdout
    return done.stdout


def serves(machine: Container, *cameras: int) -> None:
    """Check that these cameras deliver frames through nginx."""
    for camera in cameras:
        measure(machine, machine.url(8081 + camera, "/stream.mjpg"))


def answer(machine: Container, url: str, *options: str) -> str:
    """Send a request from inside the network of the container; return status and text."""
    curl = ["curl", "--silent", "--insecure", "--max-time", "30", "--write-out", "\n%{http_code}", *options, url]
    body, _, status = machine.net(curl, check=False).stdout.rpartition("\n")
    return f"{status} {body}".strip()


@contextmanager
def under_way(checkout: Checkout, machine: Container, moment: str, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """Deploy, and enter the block when a command on the machine succeeds; after the block the rollout has ended."""
    with checkout.start(machine, *words) as process:
        try:
            machine.until(moment, 120)
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)
    until_over(machine)


def until_over(machine: Container) -> None:
    """Wait until the unit of the rollout is gone; after an interruption it restores the state before."""
    machine.until(f'[ -z "$(systemctl list-units --all --plain --no-legend {ROLLOUT})" ]', 120)
