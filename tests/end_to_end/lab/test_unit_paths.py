"""Folders below /home: the drop-ins of the deployment and of the package let the hardened unit reach them."""

import json
import shlex

import pytest

from soft_stream.config.env_file import quote_value
from tests.end_to_end.lab.conftest import BootBare, BootContainer, NewCheckout
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import CAMERAS, SETTINGS, states
from tests.end_to_end.lab.packages import Packages, apt, install
from tests.end_to_end.lab.tree import SUITES

LOCAL, PACKAGED = "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"
DROP_IN = f"{CAMERAS[0]}.d/paths.conf"
# names that systemd's syntax has a meaning for
PAGES, FRAMES, SHOTS = "/home/pi/my 100% pages: %h \\x", "/home/pi/frames", "/home/pi/shots"
SOURCE = "cam_source=test-pattern\ncam_width=640\ncam_height=360\ncam0_name=Nozzle\n"
WITH_PAGES = f"cam0_www={quote_value(PAGES)}\ncam0_www_links=now.jpg\n"
MAKE = f"""set -e
chmod 700 /home/pi
mkdir -p {shlex.quote(PAGES)} {FRAMES} {SHOTS}
cd {shlex.quote(PAGES)}
echo 'own page' >page.html
echo first >{SHOTS}/snap.jpg
echo secret >/home/pi/secret.txt
ln -sf {SHOTS}/snap.jpg now.jpg
ln -sf /home/pi/secret.txt secret.txt
chown -R pi: {shlex.quote(PAGES)} {FRAMES} {SHOTS} /home/pi/secret.txt
chmod 755 {shlex.quote(PAGES)} {FRAMES} {SHOTS}
"""
# words of the sentences about paths
OF_PATHS = ("its unit", "may not", "does not exist", "the drop-in")
AS_SERVICE = (
    "nsenter --target $(systemctl show --value --property MainPID {unit}) --mount "
    "setpriv --reuid camera-soft-stream --regid video --clear-groups {command}"
)


def as_service(machine: Container, command: str) -> bool:
    """Run a command with the user and the files of the process of camera 0; return whether it succeeds."""
    return machine.run(AS_SERVICE.format(unit=CAMERAS[0], command=command), check=False).returncode == 0


def page(machine: Container, path: str) -> str:
    """Return status and text of a file of the owner, from the loopback port of the camera."""
    port = 18081
    got = machine.run(f"curl --silent --write-out '\\n%{{http_code}}' http://127.0.0.1:{port}{path}").stdout
    text, _, status = got.rpartition("\n")
    return f"{status} {text}".strip()


def checked(machine: Container) -> list[str]:
    """Return the warnings of `soft-stream check` about paths."""
    lines = machine.output("soft-stream check --json").splitlines()
    return [each for line in lines for each in json.loads(line)["warnings"] if any(word in each for word in OF_PATHS)]


def has_only_what_it_needs(machine: Container) -> None:
    """Check that the process reads the pages, writes nowhere below /home, and sees no other file of the owner."""
    assert page(machine, "/page.html") == "200 own page"
    assert page(machine, "/now.jpg") == "200 first"
    machine.run(f"echo second >{SHOTS}/new && mv {SHOTS}/new {SHOTS}/snap.jpg && chmod o+r {SHOTS}/snap.jpg")
    assert page(machine, "/now.jpg") == "200 second", "a file that is replaced must not look as before"
    machine.run(f"echo first >{SHOTS}/snap.jpg")
    assert page(machine, "/secret.txt").startswith("404 ")
    assert not as_service(machine, "cat /home/pi/secret.txt")
    assert not as_service(machine, "ls /home/pi/.ssh")
    assert not as_service(machine, f"touch {SHOTS}/x")
    as_service(machine, "touch /home/x")  # systemd 252 lets it write to the unit's own, empty /home
    assert machine.run("ls /home/x", check=False).returncode != 0
    assert checked(machine) == []


def follows_the_settings(machine: Container, units: str) -> None:
    """Edit the settings: the check names the line and the command, which mends it; then the settings go."""
    machine.run(f"printf 'cam0_save={FRAMES}\\n' >>{SETTINGS}")
    number = machine.output(f"grep -n cam0_save= {SETTINGS} | tail -n 1 | cut -d : -f 1")
    (warning,) = checked(machine)
    place = f"{SETTINGS}:{number}: cam0_save: {FRAMES}"
    assert warning.startswith(f"{place}: its unit cannot write {FRAMES}; sudo soft-stream init --units; ")
    findings = machine.run("soft-stream doctor --json", check=False).stdout
    assert f"{place}: its unit cannot write {FRAMES}" in findings
    said = machine.output("sudo soft-stream init --units", user="pi")
    assert f"{units}/{DROP_IN} is written." in said
    (warning,) = checked(machine)
    assert warning.startswith(f"{place}: the user camera-soft-stream may not write there; sudo chgrp video {FRAMES}; ")
    machine.run(f"chgrp video {FRAMES}; chmod g+rwx {FRAMES}")
    assert checked(machine) == []
    # the output itself is not tested here, only what its process may do
    machine.run(f"sed -i 's/^cam0_save=.*/#&/' {SETTINGS}; systemctl restart {CAMERAS[0]}")
    assert as_service(machine, f"touch {FRAMES}/frame.jpg")
    assert not as_service(machine, "cat /home/pi/secret.txt")
    (warning,) = checked(machine)
    assert f"the drop-in {units}/{DROP_IN} is not what the settings need" in warning
    machine.run(f"sed -i '/cam0_www/d' {SETTINGS}; soft-stream init --units; systemctl restart {CAMERAS[0]}")
    assert machine.run(f"test -e {units}/{DROP_IN}", check=False).returncode == 1
    assert not as_service(machine, f"ls {FRAMES}")
    assert machine.output("soft-stream init --units") == "The units reach what the settings need: nothing to change."


def test_the_deployment(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """It writes, changes and removes the drop-in; a rollback restores it; a missing folder does no harm."""
    machine, drop_in = boot_container(), f"{LOCAL}/{DROP_IN}"
    first = new_checkout()
    first.deploy(machine, settings=f"{SOURCE}{WITH_PAGES}")
    assert states(machine, CAMERAS[0]) == [("active", "enabled")], "the folder is missing"
    assert any(f"{PAGES} does not exist" in each for each in checked(machine))
    machine.run(MAKE)
    said = first.deploy(machine)  # the link in the folder is new: what it leads to is needed, too
    assert f"write {drop_in}" in said
    has_only_what_it_needs(machine)
    assert "Nothing to change" in first.deploy(machine)
    before = machine.output(f"cat {drop_in}")
    new_checkout().deploy(machine, settings=SOURCE)
    assert machine.run(f"test -e {drop_in}", check=False).returncode == 1
    assert page(machine, "/page.html").startswith("404 ")
    first.deploy(machine, "--rollback")
    assert machine.output(f"cat {drop_in}") == before
    assert machine.run("find /run/systemd/system -name paths.conf").stdout == "", "of the trial"
    has_only_what_it_needs(machine)
    follows_the_settings(machine, LOCAL)
    machine.run(f"printf %s {shlex.quote(WITH_PAGES)} >>{SETTINGS}; soft-stream init --units")
    first.deploy(machine, "--uninstall")
    assert machine.run(f"find {LOCAL} -name '*camera*'").stdout == ""


@pytest.mark.parametrize("suite", SUITES)
def test_the_package(suite: str, boot_bare: BootBare, packages: Packages) -> None:
    """Its configuration writes the drop-in again; a removal removes it."""
    machine, drop_in = boot_bare(suite), f"{PACKAGED}/{DROP_IN}"
    machine.run(MAKE)
    install(machine, packages.build(suite))
    assert machine.run(f"test -e {drop_in}", check=False).returncode == 1
    machine.run(f"printf %s {shlex.quote(WITH_PAGES)} >>{SETTINGS}")
    assert len(checked(machine)) == 2
    machine.run("sudo DEBIAN_FRONTEND=noninteractive dpkg-reconfigure camera-soft-stream", user="pi")
    has_only_what_it_needs(machine)
    assert machine.output("dpkg --verify camera-soft-stream") == ""
    follows_the_settings(machine, PACKAGED)
    machine.run(f"printf %s {shlex.quote(WITH_PAGES)} >>{SETTINGS}; soft-stream init --units")
    apt(machine, "purge", "--yes", "camera-soft-stream")
    assert machine.run(f"find {PACKAGED} /usr/local /etc/systemd -name '*camera-soft*'").stdout == ""
