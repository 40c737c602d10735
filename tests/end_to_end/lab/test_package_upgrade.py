"""Upgrades of the package: while streams run, to a broken release, interrupted, and back."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.lab.conftest import BootBare
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import SETTINGS, answer, password, pids, serves
from tests.end_to_end.lab.packages import (
    COPY_UNIT,
    FAILED,
    NAME,
    PREVIOUS,
    Packages,
    Watched,
    install,
    never_dark_together,
    put,
    run_apt,
    running,
    under_way,
    with_two_cameras,
)

HOME = f"/usr/lib/{NAME}"
TRIAL = "test -e /run/systemd/system/camera-soft-cam@.service"


@pytest.fixture(scope="module")
def upgraded(boot_bare: BootBare, packages: Packages) -> Container:
    """Install two cameras on a bare machine; the tests of this module upgrade it, one after another."""
    machine = with_two_cameras(boot_bare("trixie"))
    install(machine, packages.build("trixie"))
    return machine


def runs(machine: Container, folder: str) -> None:
    """Check that both cameras serve from the release in a folder."""
    assert [running(machine, camera) for camera in (0, 1)] == [folder] * 2
    serves(machine, 0, 1)


def is_settled(machine: Container, version: str) -> None:
    """Check that both cameras run this version of the package, and that no trace of an upgrade is left."""
    runs(machine, f"{HOME}/{version}")
    machine.run(f"! test -e {PREVIOUS} && ! test -e {COPY_UNIT} && ! test -e {FAILED}")
    assert machine.output(f"ls {HOME}").split() == [version, "current"]
    assert machine.output(f"dpkg-query --show --showformat '${{Status}} ${{Version}}' {NAME}") == (
        f"install ok installed {version}~deb13"
    )
    assert machine.output("systemctl --failed --plain --no-legend; dpkg --audit") == ""


def notices(machine: Container, camera: int) -> str:
    """Return the sentences that the page of a camera shows."""
    text = answer(machine, machine.url(8081 + camera, "/status.json"), "--user", f"camera:{password(machine)}")
    sentences: list[str] = json.loads(text.removeprefix("200 "))["notices"]
    return "\n".join(sentences)


def stream(machine: Container, camera: int) -> str:
    """Return the URL of a stream through nginx, with the login."""
    return machine.url(8081 + camera, "/stream.mjpg").replace("//", f"//camera:{password(machine)}@")


def other(machine: Container, packages: Packages) -> tuple[str, Path]:
    """Return the version and the package of the project that is not installed: a newer or the older one."""
    new = "" if f"{HOME}/{packages.newer(1)}" in machine.output(f"readlink -f {HOME}/current") else packages.newer(1)
    return new or packages.version, packages.build("trixie", new)


def test_an_upgrade_interrupts_one_stream_after_the_other(upgraded: Container, packages: Packages) -> None:
    """The owner's values and the login stay; each camera is restarted alone while clients watch both."""
    upgraded.run(f"echo '# mine' >>{SETTINGS} && echo cam1_fps=12 >>{SETTINGS}")
    files = f"sha256sum {SETTINGS} /etc/camera-streamer/htpasswd /var/lib/camera-soft-stream/signing-key"
    before, processes = upgraded.output(files), pids(upgraded)
    version = packages.newer(1)
    with Watched(stream(upgraded, 0)) as one, Watched(stream(upgraded, 1)) as other:
        said = install(upgraded, packages.build("trixie", version))
    assert "WARNING" not in said
    never_dark_together(one, other)
    assert not {*processes} & {*pids(upgraded)}
    assert upgraded.output(files) == before
    is_settled(upgraded, version)


def test_a_broken_release_is_taken_back(upgraded: Container, packages: Packages) -> None:
    """All cameras run the previous release again; doctor and page say so, also after a boot, until the next upgrade.

    Here that is a downgrade. The copy belongs to root, and the service cannot write it in its state directory.
    """
    bad = packages.newer(2)
    said = install(upgraded, packages.build("trixie", bad, "gives frames of camera 0 only"))
    warning = next(line for line in said.splitlines() if line.startswith("WARNING: "))
    assert warning == f"WARNING: {upgraded.output(f'cat {FAILED}')}"
    assert f"The upgrade to {bad} failed: cam1: no frames" in warning
    for _ in ("now", "after a boot"):
        runs(upgraded, PREVIOUS)
        assert f"The upgrade to {bad} failed" in upgraded.run("soft-stream doctor", check=False).stdout
        for camera in (0, 1):
            assert f"The upgrade to {bad} failed" in notices(upgraded, camera)
        upgraded.lose_power()
        upgraded.start()
    assert upgraded.output(rf"find {PREVIOUS} ! -type l \( ! -user root -o -perm /022 \) | head -n 3") == ""
    enter = "nsenter --mount --target $(systemctl show --value -p MainPID camera-soft-cam@0)"
    service = f"{enter} setpriv --reuid camera-soft-stream --clear-groups"
    assert "Read-only" in upgraded.run(f"{service} touch {PREVIOUS}/lib/x 2>&1", check=False).stdout

    said = install(upgraded, packages.build("trixie"), "--allow-downgrades")
    assert "WARNING" not in said
    is_settled(upgraded, packages.version)
    assert "failed" not in notices(upgraded, 0)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(f"test -e {COPY_UNIT}", id="while-it-is-unpacked"),
        pytest.param(f"{TRIAL} && journalctl -q -u camera-soft-cam@0 -n 1", id="in-the-trial"),
    ],
)
def test_a_power_failure_starts_the_previous_release(upgraded: Container, packages: Packages, moment: str) -> None:
    """After a loss of power during an upgrade the copy serves; the upgrade can be finished."""
    version, package = other(upgraded, packages)
    with under_way(upgraded, package, moment):
        upgraded.lose_power()
    upgraded.start()
    runs(upgraded, PREVIOUS)
    finish(upgraded, package.name)
    is_settled(upgraded, version)


@pytest.mark.parametrize("moment", [f"test -e {COPY_UNIT}", TRIAL], ids=["while-it-is-unpacked", "in-the-trial"])
def test_dpkg_is_killed(upgraded: Container, packages: Packages, moment: str) -> None:
    """When dpkg and its scripts are killed, both cameras continue to serve, and `dpkg --configure -a` finishes."""
    version, package = other(upgraded, packages)
    with under_way(upgraded, package, moment):
        upgraded.run("systemctl kill --signal KILL apt")
        upgraded.until("systemctl is-failed apt")
        upgraded.run("systemctl reset-failed apt")
    for camera in (0, 1):
        upgraded.until(f"systemctl is-active camera-soft-cam@{camera}")
    serves(upgraded, 0, 1)
    finish(upgraded, package.name)
    is_settled(upgraded, version)


def test_an_unpacked_release_waits(upgraded: Container, packages: Packages) -> None:
    """Between unpacking and configuring, restarted cameras and booted machines run the previous release."""
    version, package = other(upgraded, packages)
    upgraded.run(f"dpkg --unpack {put(upgraded, package)}")
    upgraded.run("systemctl restart camera-soft-cam@1")
    serves(upgraded, 0, 1)
    upgraded.lose_power()
    upgraded.start()
    runs(upgraded, PREVIOUS)
    upgraded.run("dpkg --configure -a")
    is_settled(upgraded, version)


def finish(machine: Container, package: str) -> None:
    """Finish an upgrade after an interruption, as docs/debian-package.md says."""
    machine.run("dpkg --configure -a", check=False)  # it cannot continue where it was unpacking
    done = run_apt(machine, "install", "--allow-downgrades", f"/home/pi/{package}")
    if "needs to be reinstalled" in done.stderr:
        machine.run(f"sudo dpkg -i /home/pi/{package}", user="pi")
    else:
        assert done.returncode == 0, done.stdout + done.stderr
