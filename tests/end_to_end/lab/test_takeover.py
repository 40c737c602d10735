"""Takeover of the older portal and its return, kept releases, TLS, and uninstalling."""

import json
import re

import pytest

from soft_stream.config import env_file
from tests.end_to_end.lab.conftest import BootContainer, NewCheckout
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import (
    CAMERAS,
    OPT,
    ROLLOUT,
    SETTINGS,
    TWO_CAMERAS,
    answer,
    measure,
    pids,
    serves,
    states,
    under_way,
)
from tests.end_to_end.lab.older_portal import OLDER, OLDER_SETTINGS, octoprint_serves, older_serves


def test_the_older_portal_is_taken_over_and_given_back(ancestor: Container, new_checkout: NewCheckout) -> None:
    """Settings, logins and unit names stay in use; `--rollback` restores everything, and a second takeover works."""
    before = in_force_without_us(ancestor)
    said = new_checkout().deploy(ancestor)
    assert re.search(r"(?s)cam0: \S+ stops.*cam0: observed FPS.*cam1: \S+ stops.*cam1: observed FPS", said)
    for dropped in ("cam0_turbo", "--verbose"):
        assert dropped in said
    settings_are_kept(ancestor)
    is_taken_over(ancestor)
    assert "Nothing to change" in new_checkout_like(new_checkout, ancestor)

    said = new_checkout().deploy(ancestor, "--rollback")
    assert "Everything is as before the first rollout." in said
    older_serves(ancestor)
    assert ancestor.output(f"cat {SETTINGS}") == OLDER_SETTINGS.rstrip("\n")
    assert in_force_without_us(ancestor) == before
    assert "nothing to roll back to" in new_checkout().deploy(ancestor, "--rollback", status=1)

    new_checkout().deploy(ancestor)
    is_taken_over(ancestor)


def settings_are_kept(machine: Container) -> None:
    """Check that each camera has the id, name, size, rate and quality that the older portal had, and delivers them."""
    lines = machine.output("soft-stream check --all").splitlines()
    checked = {each.key: each.value for line in lines for each in env_file.parse(line.rpartition(" from ")[0])}
    for each in env_file.parse(OLDER_SETTINGS):
        if not each.key.endswith(("_index", "_turbo", "_autofocus", "_quality")):
            assert checked[each.key] == each.value
    assert (checked["cam0_autofocus"], checked["cam1_autofocus"]) == ("off", "continuous")
    assert [checked[f"cam{camera}_watchdog_timeout"] for camera in (0, 1)] == ["15", "15"]
    assert (checked["cam0_quality"], checked["cam1_quality"]) == ("40", "70")  # medium and high, by their file sizes
    assert [checked[f"cam{camera}_snapshot_quality"] for camera in (0, 1)] == ["95", "95"]
    for camera, size in enumerate(([1640, 1232], [1280, 720])):
        with_frame = f"curl -s -o /dev/null 127.0.0.1:{18081 + camera}/snapshot.jpg?size=stream"
        status = machine.output(f"{with_frame}; curl -s 127.0.0.1:{18081 + camera}/status.json")
        assert json.loads(status)["negotiated"]["size"] == size


def is_taken_over(machine: Container) -> None:
    """Check that the cameras and OctoPrint serve with the older login, and that the older names control the units."""
    octoprint_serves(machine)
    for camera in (0, 1):
        measure(machine, machine.url(8081 + camera, "/stream.mjpg"), "anna", "old-secret")
        measure(machine, machine.url(8080, f"/cam{camera}/stream.mjpg"), "anna", "old-secret")
        assert answer(machine, f"http://127.0.0.1:{8081 + camera}/").startswith("401 ")
    assert states(machine, *OLDER, *CAMERAS) == [("active", "enabled")] * 4
    before = pids(machine)
    machine.run(f"systemctl restart {' '.join(OLDER)}")
    assert not {*before} & {*pids(machine)}
    machine.run(f"systemctl stop {OLDER[1]}")
    assert states(machine, OLDER[1], CAMERAS[1]) == [("inactive", "enabled")] * 2
    machine.run(f"systemctl start {OLDER[1]}")
    measure(machine, machine.url(8082, "/stream.mjpg"), "anna", "old-secret")


@pytest.mark.parametrize("how", ["it fails", "it is killed"])
def test_the_older_portal_serves_again_when_the_rollout_does_not_succeed(
    ancestor: Container, new_checkout: NewCheckout, how: str
) -> None:
    """A failed release, or a rollout that is killed during a trial, leaves everything as it was."""
    before = in_force_without_us(ancestor)
    checkout = new_checkout()
    start = "ExecStart=/opt/camera-soft-stream/current"
    if how == "it fails":
        checkout.change("systemd/camera-soft-cam@.service", start, f"ExecStartPre=/bin/test %i = 0\n{start}")
        assert "camera-soft-cam@1.service does not start" in checkout.deploy(ancestor, status=1)
    else:
        hold = f"ExecStartPre=/bin/sh -c '[ %i = 0 ] || exec sleep 80'\n{start}"
        checkout.change("systemd/camera-soft-cam@.service", start, hold)
        with under_way(checkout, ancestor, "systemctl show -p ActiveState camera-soft-cam@1 | grep =activating"):
            ancestor.run(f"systemctl kill --signal=KILL {ROLLOUT}")
    older_serves(ancestor)
    assert in_force_without_us(ancestor) == before
    assert states(ancestor, *CAMERAS) == [("inactive", "not-found")] * 2


def in_force_without_us(machine: Container) -> str:
    """Return the state of the machine, without the folder of the releases and the login, which stays."""
    lines = machine.output(
        "find /etc/camera-streamer /etc/nginx /etc/systemd/system /usr/local /etc/udev -type f -exec sha256sum {} +;"
        "find /etc/systemd/system /etc/nginx /run/systemd/system -type l -printf '%p %l\\n' | sort"
    ).splitlines()
    ours = re.compile(r"camera-streamer/(htpasswd|.*\.env\.\d+T\d+)$")
    return "\n".join(line for line in lines if not ours.search(line))


def new_checkout_like(new_checkout: NewCheckout, machine: Container) -> str:
    """Roll out once more what is active."""
    checkout = new_checkout()
    unit = "systemd/camera-soft-cam@.service"
    number = re.search(r"Nice=\d+", (checkout.folder / unit).read_text())
    assert number
    checkout.change(unit, number[0], "Nice=0")
    return checkout.deploy(machine)


def test_three_releases_are_kept_and_each_rollback_goes_one_back(
    boot_container: BootContainer, new_checkout: NewCheckout
) -> None:
    """After three upgrades two rollbacks work, with their settings; a third one goes back before any rollout."""
    machine = boot_container()
    said, settings = [], []
    for quality in range(71, 75):
        owners = TWO_CAMERAS.replace("cam1_name=Bed\n", "") + f"cam_quality={quality}\n"
        said.append(new_checkout().deploy(machine, settings=owners))
        settings.append(machine.output(f"cat {SETTINGS}"))
    names = re.findall(r"Release (\S+) is active", "".join(said))
    assert sorted(machine.output(f"ls {OPT}/releases").split()) == sorted(names[-3:])
    for back in (-2, -3):
        assert f"Release {names[back]} is active." in new_checkout().deploy(machine, "--rollback")
        assert machine.output(f"cat {SETTINGS}") == settings[back]
        assert machine.output(f"readlink {OPT}/current").endswith(names[back])
        serves(machine, 0)
    assert "Everything is as before the first rollout." in new_checkout().deploy(machine, "--rollback")
    assert answer(machine, "http://127.0.0.1:8081/").startswith("000")
    assert "nothing to roll back to" in new_checkout().deploy(machine, "--rollback", status=1)


def test_a_camera_that_is_missing_or_was_down_may_stay_down(
    boot_container: BootContainer, new_checkout: NewCheckout
) -> None:
    """The first rollout reports and allows a camera that is not connected, an upgrade one that was down before."""
    machine = boot_container()
    owners = f"{TWO_CAMERAS}cam1_source=picamera\n"
    said = new_checkout().deploy(machine, settings=owners)
    assert "cam0: observed FPS" in said
    assert "cam1 was down before: continuing" not in said
    assert "\ncam1 is not connected: continuing without it.\n" in said
    machine.until(f"systemctl is-failed {CAMERAS[1]}", 60)  # with all is well the target has started it once more
    said = new_checkout().deploy(machine)
    assert "cam1 was down before: continuing" in said
    machine.until(f"systemctl is-failed {CAMERAS[1]}", 60)
    assert states(machine, *CAMERAS) == [("active", "enabled"), ("failed", "enabled")]
    serves(machine, 0)


def test_tls_and_leaving(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """With `--tls` the external ports speak https, too, and pages only that; `--uninstall` leaves only the settings."""
    machine = boot_container()
    names = "find / -xdev \\( -name '*camera-soft*' -o -name '*soft-stream*' -o -name 'camera-streamer' \\) -not -path "
    names += "'/proc/*' -not -path '/sys/*' | sort"
    before = machine.output(names), machine.output("getent passwd; getent group"), machine.output("ls -R /etc/nginx")
    checkout = new_checkout()
    checkout.deploy(machine, "--tls", settings=TWO_CAMERAS)
    for port in (8080, 8081, 8082):
        assert answer(machine, f"https://127.0.0.1:{port}/").startswith("401 ")
        assert answer(machine, f"http://127.0.0.1:{port}/").startswith("401 ")
        page = ("--include", "--header", "Accept: text/html")
        redirect = answer(machine, f"http://127.0.0.1:{port}/x?y", *page)
        assert redirect.startswith(("301", "302", "307", "308"))
        assert f"Location: https://127.0.0.1:{port}/x?y" in redirect
    secret = machine.output("cut -d ' ' -f 2 /etc/camera-streamer/initial-password")
    for scheme in ("https", "http"):
        with_login = answer(machine, f"{scheme}://127.0.0.1:8081/status.json", "--user", f"camera:{secret}")
        assert with_login.startswith('200 {"')
    assert machine.output("stat -c %a /etc/camera-streamer/tls/key.pem") == "600"
    for flags in ((), ("--tls",)):
        assert "Nothing to change" in checkout.deploy(machine, *flags)

    settings = machine.output(f"cat {SETTINGS}")
    said = checkout.deploy(machine, "--uninstall")
    backup = re.search(rf"kept in ({SETTINGS}\S+)\.\n", said)
    assert backup
    assert machine.output(f"cat {backup[1]}") == settings
    left = set(machine.output(names).split("\n")) - set(before[0].split("\n"))
    assert left == {"/etc/camera-streamer", backup[1]}
    assert machine.output("ls -A /etc/camera-streamer") == backup[1].rpartition("/")[2]
    assert machine.output("getent passwd; getent group") == before[1]
    assert machine.output("ls -R /etc/nginx") == before[2]
    assert machine.output("systemctl list-units --all --plain --no-legend 'camera-soft*'") == ""
    machine.run("nginx -t -q && systemctl is-active nginx")
    assert answer(machine, "http://127.0.0.1:8081/").startswith("000")
    assert "Welcome to nginx" in answer(machine, "http://127.0.0.1:80/")
    assert "Nothing is installed on the target." in checkout.deploy(machine, "--uninstall")
