"""A rollout with names that shells, ssh and systemd read in ways of their own."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.lab.conftest import BootContainer
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import (
    PYTHON,
    ROLLOUT,
    TWO_CAMERAS,
    Checkout,
    answer,
    in_force,
    until_over,
)
from tests.end_to_end.lab.machine import PATIENCE

ODD = 'it\'s 100%n \\x21 "ž"'
LOGIN = f"{ODD} $HOME ${{USER}}"
BEFORE_EXEC = "ExecStart=/opt/camera-soft-stream/current/bin/soft-stream serve"
HOLD = "ExecStartPre=/bin/sh -c '[ %i != 1 ] || exec sleep 80'\n"


@pytest.fixture
def machine(boot_container: BootContainer) -> Container:
    """Boot a machine with its Python in a folder with an odd name, and a user whose shell prints a greeting."""
    machine = boot_container()
    machine.run(["ln", "-s", str(Path(PYTHON).parents[1]), f"/opt/{ODD}"])
    machine.run("echo 'echo Welcome to the lab' >/home/pi/.bashrc && chown pi: /home/pi/.bashrc")
    assert machine.output("true", user="pi") == "Welcome to the lab"
    return machine


class Owner:
    """A person who deploys from a folder with an odd name."""

    def __init__(self, machine: Container, checkout: Checkout, folder: Path) -> None:
        self.machine, self.checkout, self.folder = machine, checkout, folder
        folder.mkdir()

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a deployment."""
        command = [str(self.checkout.folder / "scripts/deploy-soft-stream.sh"), "pi@container"]
        return subprocess.Popen(
            [*command, "--python", f"/opt/{ODD}/bin/python", *words],
            cwd=self.folder, env={**self.machine.environment(), "TMPDIR": str(self.folder), **environment},
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def deploy(self, *words: str, **environment: str) -> str:
        """Deploy, and return the output."""
        with self.start(*words, **environment) as process:
            said: str = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == 0, said
        return said


def test_odd_names_are_names(machine: Container, tmp_path: Path) -> None:
    """Login, Python, settings file, checkout and TMPDIR may have them; recovery and uninstallation work, too."""
    owner = Owner(machine, Checkout(tmp_path / "my checkout"), tmp_path / f"my 100%C $HOME {'long ' * 9}")
    (owner.folder / "mé file.env").write_text(TWO_CAMERAS)
    said = owner.deploy("--env-file", "mé file.env", f"--login={LOGIN}")
    assert re.search(r"^Packages of the release: .*\baiohttp \d+\.\d+\.\d+, ", said, re.MULTILINE)
    assert re.search(r"^Packages of the target: numpy [\d.]+.*, Pillow [\d.]+.*, simplejpeg [\d.]+", said, re.MULTILINE)
    user, _, secret = machine.output("cat /etc/camera-streamer/initial-password").rpartition(" ")
    assert user == LOGIN
    for port in (8081, 8082):
        status = answer(machine, f"http://127.0.0.1:{port}/status.json", "--user", f"{LOGIN}:{secret}")
        assert status.startswith("200 ")

    again = owner.deploy(PIP_CONFIG_FILE="/dev/null", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert "Nothing to change" in again  # the packages are in the cache

    before = in_force(machine)
    owner.checkout.change("systemd/camera-soft-cam@.service", BEFORE_EXEC, HOLD + BEFORE_EXEC)
    with owner.start() as process:
        machine.until("systemctl show --property ActiveState camera-soft-cam@1 | grep -q =activating", 120)
        machine.run(f"systemctl kill --signal=KILL {ROLLOUT}")
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 75, said
    until_over(machine)
    assert in_force(machine) == before

    owner.deploy("--uninstall")
    assert "Nothing is installed" in owner.deploy("--uninstall")
