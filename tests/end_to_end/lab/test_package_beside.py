"""The package and others: the deployment, images that are made in a chroot, and the next version of the system."""

import re

import pytest

from tests.end_to_end.lab.conftest import BareTree, BootBare, BootContainer, NewCheckout
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import OPT, SETTINGS, TWO_CAMERAS, password, serves
from tests.end_to_end.lab.packages import NAME, Packages, apt, install, running, with_two_cameras

HOME = f"/usr/lib/{NAME}"
OURS = "/etc/camera-streamer/htpasswd /var/lib/camera-soft-stream/signing-key"


def test_the_package_replaces_the_deployment(
    boot_container: BootContainer, new_checkout: NewCheckout, packages: Packages
) -> None:
    """Settings, logins and state stay; the files of the deployment are gone. A broken package changes nothing."""
    machine = boot_container()
    new_checkout().deploy(machine, settings=TWO_CAMERAS)
    machine.run(f"echo cam1_fps=12 >>{SETTINGS}")
    before, release = machine.output(f"sha256sum {OURS} {SETTINGS}"), machine.output(f"readlink -f {OPT}/current")

    said = install(machine, packages.build("trixie", packages.newer(2), "gives frames of camera 0 only"))
    assert "WARNING: " in said
    assert running(machine, 0).startswith(f"{OPT}/")
    serves(machine, 0, 1)
    assert machine.output(f"readlink -f {OPT}/current") == release

    said = install(machine, packages.build("trixie"), "--allow-downgrades")
    assert "WARNING" not in said
    assert [running(machine, camera) for camera in (0, 1)] == [f"{HOME}/{packages.version}"] * 2
    serves(machine, 0, 1)
    assert machine.output(f"sha256sum {OURS} {SETTINGS}") == before
    assert machine.output(f"find /usr/local /opt -name '*soft*'; find {OPT} 2>/dev/null || true") == ""

    apt(machine, "purge", NAME)
    assert machine.output("find / -xdev -name '*soft*stream*' -not -path '/home/*' -not -path '/sys/*'") == ""


def test_the_deployment_replaces_the_package(
    boot_container: BootContainer, new_checkout: NewCheckout, packages: Packages
) -> None:
    """What was installed last runs; `--uninstall` of the deployment lets the package serve again."""
    machine = with_two_cameras(boot_container())
    install(machine, packages.build("trixie"))
    before = machine.output(f"sha256sum {OURS}")
    checkout = new_checkout()
    checkout.deploy(machine)
    assert running(machine, 0).startswith(f"{OPT}/")
    assert machine.output(f"sha256sum {OURS}") == before
    serves(machine, 0, 1)

    install(machine, packages.build("trixie", packages.newer(1)))
    assert running(machine, 0) == f"{HOME}/{packages.newer(1)}"
    checkout.deploy(machine)
    assert running(machine, 0).startswith(f"{OPT}/")

    checkout.deploy(machine, "--uninstall")
    assert running(machine, 0) == f"{HOME}/{packages.newer(1)}"
    assert machine.output(f"sha256sum {OURS}") == before
    serves(machine, 0, 1)

    checkout.deploy(machine)
    said = apt(machine, "purge", NAME)
    assert "deployment" in said
    assert running(machine, 0).startswith(f"{OPT}/")
    assert machine.output(f"sha256sum {OURS}") == before
    serves(machine, 0, 1)


@pytest.mark.parametrize("suite", ["bookworm"])
def test_an_image_is_made_in_a_chroot(bare: BareTree, packages: Packages, suite: str) -> None:
    """Where systemd does not run, the installation succeeds; the first boot sets the cameras up and makes the login."""
    package = packages.build(suite)
    machine = Container(bare(suite), keeps=True)
    done = machine.chroot(f"DEBIAN_FRONTEND=noninteractive apt-get --yes install ./{package.name}", package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "first time" in done.stdout
    assert machine.chroot("ls /etc/camera-streamer/htpasswd").returncode != 0
    with machine:
        machine.until("! test -e /etc/systemd/system/camera-soft-stream-first-boot.service")
        serves(machine, 0)
        assert machine.output("systemctl --failed --plain --no-legend") == ""
        secret = password(machine)
        machine.lose_power()
        machine.start()
        serves(machine, 0)
        assert password(machine) == secret


def test_from_bookworm_to_trixie(bare: BareTree, boot_bare: BootBare, packages: Packages) -> None:
    """`apt full-upgrade` removes the package of bookworm; that of trixie finds settings, login and state."""
    machine = with_two_cameras(boot_bare("bookworm", bare("trixie").debs))
    install(machine, packages.build("bookworm"))
    before = machine.output(f"sha256sum {OURS} {SETTINGS}")
    assert re.search("Depends: python3", install(machine, packages.build("trixie"), status=100))
    serves(machine, 0, 1)

    machine.run("echo 'deb [trusted=yes] file:/srv/more-debs ./' >/etc/apt/sources.list.d/lab.list")
    apt(machine, "update")
    apt(machine, "full-upgrade", "-o", "Dpkg::Options::=--force-confold")
    assert machine.output(". /etc/os-release && echo $VERSION_CODENAME") == "trixie"
    assert machine.output(f"sha256sum {OURS} {SETTINGS}") == before

    said = install(machine, packages.build("trixie"))
    assert "WARNING" not in said
    assert machine.output(f"sha256sum {OURS} {SETTINGS}") == before
    serves(machine, 0, 1)
    assert machine.output("soft-stream doctor | tail -n 1").endswith(" 0 WRONG")
