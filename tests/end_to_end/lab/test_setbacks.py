"""Problems of the machine itself: power, file modes, mistakes of its owner, files of others."""

import pytest

from tests.end_to_end.lab.conftest import BootContainer, NewCheckout
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import CAMERAS, OPT, SETTINGS, TWO_CAMERAS, Checkout, in_force, serves, states
from tests.end_to_end.lab.older_portal import OLDER, older_serves
from tests.end_to_end.lab.patches import PATCHES

RECOVERY = "camera-soft-stream-recovery.service"


@pytest.fixture
def rolled(boot_container: BootContainer, new_checkout: NewCheckout) -> Container:
    """Roll out two cameras to a container."""
    machine = boot_container()
    new_checkout().deploy(machine, settings=TWO_CAMERAS)
    return machine


def lose_power(machine: Container, newer: Checkout) -> None:
    """Deploy until power is lost while the disk is written, and boot: /run is empty then."""
    newer.change(*PATCHES["loses power"])
    newer.change(*PATCHES["is not repaired before the next boot"])
    newer.deploy(machine, status=None)
    machine.run("systemctl stop 'camera-soft-cam@*'")
    machine.run("rm -rf /run/systemd/system/camera-soft-* /run/camera-soft-stream-rollout; systemctl daemon-reload")
    assert machine.output(f"systemctl is-enabled {RECOVERY}") == "enabled"
    machine.run(f"systemctl start {RECOVERY}")


def test_a_boot_takes_back_what_lost_power_half_way(rolled: Container, new_checkout: NewCheckout) -> None:
    """The release before serves again; the recovery leaves nothing behind, and a rollout succeeds."""
    before = in_force(rolled)
    newer = new_checkout()
    lose_power(rolled, newer)
    rolled.run(f"systemctl restart {' '.join(CAMERAS)}")
    backups = [line for line in in_force(rolled).splitlines() if ".env.2" not in line]
    assert backups == [line for line in before.splitlines() if ".env.2" not in line]
    serves(rolled, 0, 1)
    assert "is active." in new_checkout().deploy(rolled)


def test_a_boot_gives_back_to_the_older_portal_what_lost_power(ancestor: Container, new_checkout: NewCheckout) -> None:
    """The older portal's units are enabled again, and run."""
    ancestor.run(f"cp {SETTINGS} /root/before")
    lose_power(ancestor, new_checkout())
    older_serves(ancestor)
    ancestor.run(f"cmp {SETTINGS} /root/before")


def test_an_owners_mistake_does_not_stand_in_the_way_back(rolled: Container, new_checkout: NewCheckout) -> None:
    """Old settings that their release rejects are restored with the mistake commented out, and it serves."""
    rolled.run(f"echo cam0_widht=5 >>{SETTINGS}")
    new_checkout().deploy(rolled)
    serves(rolled, 0, 1)
    said = new_checkout().deploy(rolled, "--rollback")
    assert "is active." in said
    assert "#cam0_widht=5" in rolled.output(f"cat {SETTINGS}").splitlines()
    serves(rolled, 0, 1)


def test_a_strict_umask_harms_nobody(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """The service can read the release, whatever umask the deploying user has."""
    bare = boot_container()
    bare.run("echo 'Defaults umask=0077' >/etc/sudoers.d/umask; echo umask 077 >>/home/pi/.bashrc")
    bare.run("sed -i 1iumask\\ 077 /home/pi/.bashrc")
    new_checkout().deploy(bare, settings=TWO_CAMERAS)
    serves(bare, 0, 1)


def test_a_release_that_does_not_start_is_never_in_force(rolled: Container, new_checkout: NewCheckout) -> None:
    """Cameras that were down before may give no frames, but their processes must start."""
    before = in_force(rolled)
    rolled.run(f"systemctl stop {' '.join(CAMERAS)}")
    broken = new_checkout()
    broken.change(*PATCHES["does not start"])
    assert "ZeroDivisionError" in broken.deploy(rolled, status=1)
    assert in_force(rolled) == before


def test_a_new_port_does_not_hide_that_a_camera_served(rolled: Container, new_checkout: NewCheckout) -> None:
    """The rollout checks on the old port whether a camera served before."""
    before = in_force(rolled)
    broken = new_checkout()
    broken.change(*PATCHES["gives no frames"])
    said = broken.deploy(rolled, settings=f"{TWO_CAMERAS}cam0_port=19081\n", status=1)
    assert "no frames from http://127.0.0.1:19081/" in said
    assert in_force(rolled) == before
    serves(rolled, 0, 1)


def test_uninstalling_spares_the_older_portal_and_other_people(ancestor: Container, new_checkout: NewCheckout) -> None:
    """After a rollback and --uninstall the older portal keeps its settings, and units of others stay."""
    ancestor.run("mkdir -p /usr/local/lib/systemd/system; touch /usr/local/lib/systemd/system/someone.target")
    ancestor.run(f"touch {SETTINGS}.bak")
    checkout = new_checkout()
    checkout.deploy(ancestor)
    checkout.deploy(ancestor, "--rollback")
    older_serves(ancestor)
    assert "Uninstalled." in checkout.deploy(ancestor, "--uninstall")
    ancestor.run(f"test -e /usr/local/lib/systemd/system/someone.target -a -e {SETTINGS} -a -e {SETTINGS}.bak")
    ancestor.run(f"systemctl restart {' '.join(OLDER)}")
    older_serves(ancestor)
    assert ancestor.run(f"test -e {OPT}", check=False).returncode == 1


def test_a_site_of_somebody_else_is_not_moved(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """A foreign site on our ports is named and nothing changes; --no-nginx leaves nginx alone."""
    bare = boot_container()
    bare.run("echo 'server { listen 8080; root /var/www; }' >/etc/nginx/sites-enabled/octoprint")
    checkout = new_checkout()
    said = checkout.deploy(bare, settings=TWO_CAMERAS, status=69)
    assert "/etc/nginx/sites-enabled/octoprint" in said
    assert bare.run(f"test -e {OPT}/current", check=False).returncode == 1
    bare.run("systemctl disable --now nginx; echo nonsense >/etc/nginx/sites-enabled/broken")
    assert "is active." in checkout.deploy(bare, "--no-nginx", settings=TWO_CAMERAS)
    assert states(bare, "nginx.service") == [("inactive", "disabled")]
    assert states(bare, *CAMERAS) == [("active", "enabled")] * 2


def test_a_plug_starts_what_waits_and_nothing_that_is_disabled(rolled: Container) -> None:
    """A new camera starts the units that ended with 66, but not those that their owner disabled."""
    rolled.run(f"printf 'cam0_source=picamera\\ncam1_source=picamera\\n' >>{SETTINGS}")
    rolled.run(f"systemctl restart {' '.join(CAMERAS)}", check=False)
    rolled.run(f"systemctl disable {CAMERAS[1]}")
    ended = "systemctl show --value --property InvocationID"
    before = [rolled.output(f"{ended} {unit}") for unit in CAMERAS]
    rolled.run(f"sed -i /picamera/d {SETTINGS}")
    rolled.run("systemctl start camera-soft-cam-arrived@video0.service")
    rolled.until(f"systemctl is-active {CAMERAS[0]}")
    assert rolled.output(f"{ended} {CAMERAS[0]}") != before[0]
    assert rolled.output(f"{ended} {CAMERAS[1]}") == before[1]
