"""The Debian package on a fresh Raspberry Pi OS Lite: one command, and nothing left after a purge; in both suites."""

import re
from typing import NamedTuple

import pytest
from PIL import Image

from tests.end_to_end.lab.conftest import BootBare
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import CAMERAS, SETTINGS, answer, measure, states
from tests.end_to_end.lab.packages import Packages, apt, everything, install, running
from tests.end_to_end.lab.tree import SUITES

# what nginx and the tools for users leave after a purge of all packages
OF_OTHERS = ("/var/www", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-")


class Installed(NamedTuple):
    """A machine with the package, its files and packages before, and what the installation printed."""

    machine: Container
    before: dict[str, str]
    others: set[str]
    said: str


@pytest.fixture(scope="module", params=SUITES)
def installed(request: pytest.FixtureRequest, boot_bare: BootBare, packages: Packages) -> Installed:
    """Install the package with one command by an ordinary user with sudo."""
    machine = boot_bare(request.param)
    before = everything(machine)
    return Installed(machine, before, package_names(machine), install(machine, packages.build(request.param)))


def package_names(machine: Container) -> set[str]:
    """Return the names of all installed packages."""
    return {*machine.output("dpkg-query --show --showformat '${Package}\\n'").split()}


def login(installed: Installed) -> tuple[str, str]:
    """Follow the printed line about the login; return user and password."""
    printed = re.search(r"^Login: (\S+); its password: (sudo cat \S+)$", installed.said, re.MULTILINE)
    assert printed, installed.said
    user, secret = installed.machine.output(printed[2], user="pi").split()
    assert user == printed[1]
    return user, secret


def serves_with_printed_login(installed: Installed) -> None:
    """Check page, stream and snapshot through nginx with the printed login, and that nothing is open without it."""
    machine, (user, secret) = installed.machine, login(installed)
    ports = re.findall(r"http://lab\.local:(\d+)/", installed.said)
    assert ports == ["8080", "8081"]
    basic = ("--user", f"{user}:{secret}")
    for port in ports:
        page = answer(machine, machine.url(int(port)), *basic, "--header", "Accept: text/html")
        assert page.startswith("200 <!doctype html>"), page
        assert answer(machine, machine.url(int(port))).startswith("401 ")
    measure(machine, machine.url(8081, "/stream.mjpg"), user, secret)
    taken = ["curl", "--silent", "--fail", "--output", str(machine.folder / "snapshot.jpg"), *basic]
    machine.net([*taken, machine.url(8081, "/snapshot.jpg")])
    with Image.open(machine.folder / "snapshot.jpg") as snapshot:
        assert snapshot.format == "JPEG"


def test_one_command_brings_page_stream_and_snapshot(installed: Installed) -> None:
    """`apt install ./x.deb` brings nginx, and prints the addresses and where the password is."""
    assert "WARNING" not in installed.said
    serves_with_printed_login(installed)
    assert installed.machine.output("sudo soft-stream doctor | tail -n 1", user="pi").endswith(" 0 WRONG")


def test_the_first_settings_are_those_of_a_machine_without_a_camera(installed: Installed) -> None:
    """Without a Raspberry Pi and without a camera there is the test camera; its unit runs and is enabled."""
    assert "cam_source=test-pattern" in installed.machine.output(f"cat {SETTINGS}").splitlines()
    assert re.search("(?i)no camera.*test", installed.said)
    assert states(installed.machine, CAMERAS[0], "camera-soft-cam.target") == [("active", "enabled")] * 2


def test_only_the_owner_reads_the_password(installed: Installed) -> None:
    """Other users of the machine read neither the password nor the hashes."""
    for name in ("initial-password", "htpasswd"):
        assert installed.machine.run(f"cat /etc/camera-streamer/{name}", user="pi", check=False).returncode == 1


def test_dpkg_finds_its_files_as_they_were_packaged(installed: Installed) -> None:
    """`dpkg --verify` finds no changed file, and /usr/local has nothing of the package."""
    assert installed.machine.output("dpkg --verify camera-soft-stream") == ""
    assert installed.machine.output("find /usr/local -name '*soft*'") == ""


def test_a_power_failure_starts_it_again(installed: Installed) -> None:
    """After a loss of power everything serves as before."""
    installed.machine.lose_power()
    installed.machine.start()
    serves_with_printed_login(installed)


def test_a_camera_that_is_added_to_the_settings_is_served(installed: Installed) -> None:
    """`dpkg-reconfigure` starts and enables a new camera; one that its owner has disabled stays so."""
    machine, again = installed.machine, "sudo DEBIAN_FRONTEND=noninteractive dpkg-reconfigure camera-soft-stream"
    before = machine.output(f"cat {SETTINGS}")
    machine.run(f"echo cam1_name=Gate | sudo tee -a {SETTINGS}", user="pi")
    said = machine.output(again, user="pi")
    assert "disabled" not in said
    assert "Gate: http://lab.local:8082/" in said
    assert states(machine, *CAMERAS) == [("active", "enabled")] * 2
    measure(machine, machine.url(8082, "/stream.mjpg"), *login(installed))

    machine.run(f"sudo systemctl disable --now {CAMERAS[1]}", user="pi")
    assert (
        f"Camera 1 is disabled and does not start at boot; to enable it: sudo systemctl enable --now {CAMERAS[1]}"
        in (machine.output(again, user="pi"))
    )
    assert states(machine, *CAMERAS) == [("active", "enabled"), ("inactive", "disabled")]
    machine.run(f"sed -i /^cam1_/d {SETTINGS}")
    machine.output(again, user="pi")
    assert machine.output(f"cat {SETTINGS}") == before
    assert states(machine, *CAMERAS)[1] == ("inactive", "disabled")


def test_a_removal_keeps_settings_and_logins(installed: Installed, packages: Packages) -> None:
    """`apt remove` stops the cameras and leaves nginx in order; after a reinstallation the login is the same."""
    machine = installed.machine
    before = login(installed)
    machine.run(f"echo cam0_name=Nest >>{SETTINGS}")
    apt(machine, "remove", "camera-soft-stream")
    assert not running(machine, 0)
    machine.run("nginx -t && systemctl is-active nginx")
    assert answer(machine, machine.url(8080)).startswith("000")
    assert (
        machine.output(
            "systemctl --failed --plain --no-legend; systemctl list-units --plain --no-legend 'camera-soft*'"
        )
        == ""
    )
    assert machine.run("command -v soft-stream", check=False).returncode != 0

    apt(machine, "install", f"/home/pi/{packages.build(suite_of(machine)).name}")
    assert login(installed) == before
    serves_with_printed_login(installed)
    assert "cam0_name=Nest" in machine.output(f"cat {SETTINGS}").splitlines()


def test_a_purge_leaves_nothing(installed: Installed) -> None:
    """After a purge of the package, and of what it has brought, the system is as it was before."""
    machine = installed.machine
    apt(machine, "purge", "camera-soft-stream")
    machine.run("nginx -t && systemctl is-active nginx")
    assert machine.output("find / -xdev -name '*soft*stream*' -not -path '/home/*' -not -path '/sys/*'") == ""
    assert machine.output("systemctl --failed --plain --no-legend") == ""
    # autoremove would keep what an alternative of a dependency could need, such as mime-support
    apt(machine, "purge", *sorted(package_names(machine) - installed.others))
    after = everything(machine)
    changed = {path: (installed.before.get(path), after.get(path)) for path in {*installed.before, *after}}
    assert {
        path: facts for path, facts in changed.items() if facts[0] != facts[1] and not path.startswith(OF_OTHERS)
    } == {}


def suite_of(machine: Container) -> str:
    """Return the suite that a machine runs."""
    return machine.output(". /etc/os-release && echo $VERSION_CODENAME")
