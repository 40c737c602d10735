"""Rollouts to a real systemd and nginx over ssh: what they install, what they leave alone, and how they end."""

import re
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.end_to_end.lab.conftest import BootContainer
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import (
    CAMERAS,
    OPT,
    ROLLOUT,
    SETTINGS,
    TWO_CAMERAS,
    Checkout,
    answer,
    in_force,
    measure,
    password,
    pids,
    serves,
    states,
    under_way,
)
from tests.end_to_end.lab.patches import PATCHES

EVERYTHING = (
    "find /etc /opt /usr/local /run/systemd/system /run/camera-soft-stream* /var/lib -not -path '/var/lib/systemd/*' "
    "-not -path '/opt/picam/*' -printf '%p %M %u %g %s %T@ %l\\n' 2>/dev/null | sort"
)
BEFORE_EXEC = "ExecStart=/opt/camera-soft-stream/current/bin/soft-stream serve"

NewCheckout = Callable[[], Checkout]


@pytest.fixture(scope="module")
def new_checkout(tmp_path_factory: pytest.TempPathFactory) -> NewCheckout:
    """Return a function that copies the project as it was when the tests began."""
    original = Checkout(tmp_path_factory.mktemp("project") / "original")
    original.change("docs/deploy.md", "\n", f"\n{original.folder}\n")  # nobody else's release has the same name

    def copy() -> Checkout:
        return Checkout(tmp_path_factory.mktemp("project") / "copy", original.folder)

    return copy


@pytest.fixture(scope="module")
def checkout(new_checkout: NewCheckout) -> Checkout:
    """Return the release that is in force on `rolled`."""
    return new_checkout()


@pytest.fixture(scope="module")
def rolled(container: Container, checkout: Checkout) -> Container:
    """Roll out two cameras to a container; each test restores it."""
    said = checkout.deploy(container, settings=TWO_CAMERAS)
    assert said.endswith("is active.\n")
    return container


def test_a_bare_machine_serves_two_streams_behind_a_login(rolled: Container) -> None:
    """One command by an ordinary user with sudo, without internet, starts two streams with a login."""
    for camera in (0, 1):
        print(measure(rolled, rolled.url(8081 + camera, "/stream.mjpg"), frames=60))  # noqa: T201 # the figure
        measure(rolled, rolled.url(8080, f"/cam{camera}/stream.mjpg"))
        assert answer(rolled, f"http://127.0.0.1:{8081 + camera}/stream.mjpg").startswith("401 ")
    assert states(rolled, *CAMERAS) == [("active", "enabled")] * 2


def test_a_release_brings_what_the_system_does_not_have(rolled: Container) -> None:
    """A release contains aiohttp, Jinja2 and simplejpeg; numpy, Pillow and Picamera2 are those of the system."""
    packages = rolled.output(f"ls {OPT}/current/lib").lower().split()
    assert {"aiohttp", "jinja2", "asyncinotify", "simplejpeg"} < set(packages)
    assert not [name for name in packages if re.match(r"numpy|pil\b|pillow|picamera2|libcamera", name)]


def test_nobody_else_reads_the_password(rolled: Container) -> None:
    """The password is in no process list and no journal; its file is root's; the service and nginx read its hash."""
    secret = password(rolled)
    assert len(secret) >= 12
    assert secret not in rolled.output("journalctl --boot --no-pager; ps axww -o args; cat /var/log/nginx/*")
    modes = rolled.output("cd /etc/camera-streamer && stat -c '%n %a %U %G' htpasswd initial-password")
    assert modes.split("\n") == ["htpasswd 640 camera-soft-stream www-data", "initial-password 600 root root"]
    leaks = rolled.run(
        ["grep", "-rlF", "-e", secret, "/etc", "/opt/camera-soft-stream", "/run", "/root", "/home"], check=False
    ).stdout
    assert leaks.split() == ["/etc/camera-streamer/initial-password"]


def test_a_second_rollout_changes_nothing(rolled: Container, checkout: Checkout) -> None:
    """A second rollout reports that, ends with 0, restarts nothing and makes no backup; also with the same settings."""
    before = in_force(rolled), pids(rolled), rolled.output("pgrep nginx")
    assert "Nothing to change" in checkout.deploy(rolled)
    assert "Nothing to change" in checkout.deploy(rolled, settings=TWO_CAMERAS)
    assert "Nothing to change" in checkout.deploy(rolled, host="root@container")
    assert (in_force(rolled), pids(rolled), rolled.output("pgrep nginx")) == before


def test_a_dry_run_tells_and_changes_nothing(
    rolled: Container, checkout: Checkout, new_checkout: NewCheckout, boot_container: BootContainer
) -> None:
    """On a bare machine and on one with a release it lists the changes, and touches no file."""
    bare = boot_container()
    newer = new_checkout()
    newer.change("systemd/camera-soft-cam@.service", "Nice=5", "Nice=6")
    unit = "* write /usr/local/lib/systemd/system/camera-soft-cam@.service"
    for machine, expected in ((bare, unit), (rolled, unit)):
        before = machine.output(EVERYTHING), machine.output("ls /tmp")
        said = newer.deploy(machine, "--dry-run", settings=TWO_CAMERAS)
        assert expected in said
        assert said.endswith("Nothing was changed.\n")
        assert (machine.output(EVERYTHING), machine.output("ls /tmp")) == before
    assert "enable camera-soft-cam@1.service" in newer.deploy(bare, "--dry-run", "--tls", settings=TWO_CAMERAS)
    assert bare.run("test -e /etc/camera-streamer", check=False).returncode == 1
    listing = rolled.output(EVERYTHING)
    assert "certificate.pem" in checkout.deploy(rolled, "--dry-run", "--tls")
    assert "release " in checkout.deploy(rolled, "--dry-run", "--rollback")
    assert "* remove /opt/camera-soft-stream" in checkout.deploy(rolled, "--dry-run", "--uninstall")
    assert rolled.output(EVERYTHING) == listing


REASONS = {
    "does not start": "ZeroDivisionError",
    "gives no frames": "no frames from http://127.0.0.1:18081/stream.mjpg: ",
    "gives frames of camera 0 only": "no frames from http://127.0.0.1:18082/stream.mjpg: ",
    "is killed by its unit": "camera-soft-cam@0.service does not start",
    "is refused by nginx": 'unknown directive "nonsense"',
}


@pytest.mark.parametrize("how", REASONS)
def test_a_broken_release_is_taken_back(rolled: Container, new_checkout: NewCheckout, how: str) -> None:
    """The rollout ends with 1 and the reason; the old release serves, and nothing of the new one remains."""
    broken = new_checkout()
    broken.change(*PATCHES[how])
    before, ran, releases = in_force(rolled), pids(rolled), rolled.output(f"ls {OPT}/releases")
    said = broken.deploy(rolled, status=1)
    assert REASONS[how] in said
    assert (in_force(rolled), rolled.output(f"ls {OPT}/releases")) == (before, releases)
    serves(rolled, 0, 1)
    if how == "is refused by nginx":
        assert pids(rolled) == ran
    if how == "gives frames of camera 0 only":
        assert "cam0: observed FPS" in said


def test_a_first_rollout_that_fails_leaves_nothing_running(
    boot_container: BootContainer, new_checkout: NewCheckout
) -> None:
    """On a bare machine a release without frames ends with 1; no unit runs or is enabled, and nginx is as it was."""
    bare = boot_container()
    broken = new_checkout()
    broken.change(*PATCHES["gives frames of camera 0 only"])
    said = broken.deploy(bare, settings=TWO_CAMERAS, status=1)
    assert "no frames from http://127.0.0.1:18082/stream.mjpg: " in said
    is_bare(bare)
    assert answer(bare, "http://127.0.0.1:8081/").startswith("000")


def is_bare(machine: Container) -> None:
    """Check that no unit of ours runs or is enabled, and that nginx has no file of ours."""
    assert machine.output("systemctl list-units --all --plain --no-legend 'camera-soft-*'") == ""
    assert machine.output("systemctl list-unit-files --plain --no-legend 'camera-soft-*' || true") == ""
    assert machine.output("find /etc/systemd /etc/nginx /run/systemd/system -name '*camera-soft*'") == ""
    assert machine.run(f"test -e {OPT}/current", check=False).returncode == 1


def held(checkout: Checkout, camera: int) -> str:
    """Make a release whose camera starts too slowly for any test; return a command that succeeds while it starts."""
    hold = f"ExecStartPre=/bin/sh -c '[ %i != {camera} ] || exec sleep 80'\n"
    checkout.change("systemd/camera-soft-cam@.service", BEFORE_EXEC, hold + BEFORE_EXEC)
    on_trial = "[ -e /run/systemd/system/camera-soft-cam@.service ]"
    return f"{on_trial} && systemctl show --property ActiveState camera-soft-cam@{camera} | grep -q =activating"


def cut(machine: Container, _: "subprocess.Popen[str]") -> None:
    """Break the ssh connection on the machine."""
    machine.run("pkill -KILL -u pi")


def kill_unit(machine: Container, _: "subprocess.Popen[str]") -> None:
    """Kill the rollout on the machine."""
    machine.run(f"systemctl kill --signal=KILL {ROLLOUT}")


def sent(number: signal.Signals) -> Callable[[Container, "subprocess.Popen[str]"], None]:
    """Return a function that sends a signal to the deployment."""
    return lambda _, process: process.send_signal(number)


Break = Callable[[Container, "subprocess.Popen[str]"], None]
ENDS = {
    "SIGKILL": (sent(signal.SIGKILL), -signal.SIGKILL),
    "SIGTERM": (sent(signal.SIGTERM), 75),
    "SIGINT": (sent(signal.SIGINT), 75),
    "cut": (cut, 75),
    "the unit killed": (kill_unit, 75),
}


@pytest.mark.parametrize(
    ("how", "camera"),
    [("SIGKILL", 0), ("SIGTERM", 1), ("SIGINT", 1), ("cut", 0), ("the unit killed", 1)],
)
def test_a_rollout_that_is_broken_off_leaves_the_old_release(
    rolled: Container, checkout: Checkout, new_checkout: NewCheckout, how: str, camera: int
) -> None:
    """While a camera is on trial: the old release serves again, nothing is left in /run, a later rollout succeeds."""
    newer = new_checkout()
    moment = held(newer, camera)
    before = in_force(rolled)
    break_off, status = ENDS[how]
    with under_way(newer, rolled, moment) as process:
        break_off(rolled, process)
        said = process.communicate(timeout=120)[0]
        assert process.returncode == status, said
        assert "Traceback" not in said
    assert in_force(rolled) == before
    serves(rolled, 0, 1)
    assert "Nothing to change" in checkout.deploy(rolled)


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_a_rollout_that_is_broken_off_while_it_is_sent_changes_nothing(
    rolled: Container, checkout: Checkout, new_checkout: NewCheckout, how: str
) -> None:
    """No camera is touched, and a later rollout succeeds."""
    newer = new_checkout()
    newer.change("systemd/camera-soft-cam@.service", "Nice=5", "Nice=7")
    before, ran = in_force(rolled), pids(rolled)
    slow = "#!/bin/sh\ntouch /run/sending\nwhile [ -e /run/sending ]; do sleep 0.1; done\nexec /usr/bin/tar $*\n"
    rolled.run(f"printf %s {slow!r} | sed 's/\\\\n/\\n/g' >/usr/local/bin/tar; chmod +x /usr/local/bin/tar")
    break_off, status = ENDS[how]
    with under_way(newer, rolled, "[ -e /run/sending ]") as process:
        break_off(rolled, process)
        said = process.communicate(timeout=120)[0]
        rolled.run("rm /usr/local/bin/tar /run/sending")
        assert process.returncode == status, said
        assert "Traceback" not in said
    rolled.until("! pgrep -x tar")
    assert (in_force(rolled), pids(rolled)) == (before, ran)
    assert "Nothing to change" in checkout.deploy(rolled)


def test_two_rollouts_at_once_do_not_disturb_each_other(rolled: Container, new_checkout: NewCheckout) -> None:
    """The second rollout is refused with a message; the first one completes."""
    newer = new_checkout()
    moment = held(newer, 1)
    newer.change("systemd/camera-soft-cam@.service", "sleep 80", "sleep 4")
    before = in_force(rolled)
    with newer.start(rolled) as first:
        rolled.until(moment)
        said = newer.deploy(rolled, status=69)
        assert "under way" in said
        for flag in ("--rollback", "--uninstall"):
            assert "under way" in newer.deploy(rolled, flag, status=69)
        output = first.communicate(timeout=120)[0]
        assert first.returncode == 0, output
    assert "is active." in output
    serves(rolled, 0, 1)
    newer.deploy(rolled, "--rollback")
    assert in_force(rolled) == before
    serves(rolled, 0, 1)


def test_a_port_of_another_program_is_named(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """If another program listens on a port of nginx, the rollout ends before any change and names that program."""
    bare = boot_container()
    bare.run("systemd-run --unit=squatter python3 -m http.server 8081")
    bare.until("ss -ltn | grep -q :8081")
    said = new_checkout().deploy(bare, settings=TWO_CAMERAS.replace("cam1_name=Bed\n", ""), status=69)
    assert re.search(r"Port 8081 \(nginx\) is in use by python3 \(pid \d+\) of squatter.service\.", said)
    is_bare(bare)
    assert "Directory listing" in answer(bare, "http://127.0.0.1:8081/")


@pytest.mark.parametrize("wrong", ["cam0_port=8081", "cam1_port=8080"])
def test_a_port_of_nginx_is_none_for_a_camera(rolled: Container, checkout: Checkout, wrong: str) -> None:
    """This is a wrong setting: the rollout ends with 78, and nothing changes."""
    before = in_force(rolled), pids(rolled)
    said = checkout.deploy(rolled, settings=f"{TWO_CAMERAS}{wrong}\n", status=78)
    assert f"{wrong}: nginx listens there" in said
    assert (in_force(rolled), pids(rolled)) == before


def test_wrong_settings_are_found_before_anything_is_touched(rolled: Container, checkout: Checkout) -> None:
    """The message has file, line and expected value, for --env-file and for the settings of the machine."""
    before, ran = rolled.output(EVERYTHING), pids(rolled)
    said = checkout.deploy(rolled, settings=f"{TWO_CAMERAS}cam0_fps=fast\n", status=78)
    assert re.search(r"owner\.env:7: cam0_fps=fast: .*0\.1 to 240", said)
    assert rolled.output(EVERYTHING) == before
    before = in_force(rolled)
    rolled.run(f"cp {SETTINGS} /root/settings && echo cam1_hflip=maybe >>{SETTINGS}")
    said = checkout.deploy(rolled, status=78)
    rolled.run(f"cp /root/settings {SETTINGS}")
    assert re.search(rf"{SETTINGS}:\d+: cam1_hflip=maybe: must be 1 \(on\) or 0 \(off\)", said)
    assert (in_force(rolled), pids(rolled)) == (before, ran)


def test_what_the_machine_lacks_is_said(rolled: Container, checkout: Checkout, boot_container: BootContainer) -> None:
    """No answer from the host, no such Python, or missing packages: the rollout ends with 69 and changes nothing."""
    said = checkout.deploy(rolled, "--port", "9", host="pi@127.0.0.1", status=69)
    assert "127.0.0.1 cannot be reached" in said
    assert "/nonexistent does not run on the target" in checkout.deploy(rolled, "--python=/nonexistent", status=69)
    bare = boot_container()
    bare.run("mv /usr/lib/python3/dist-packages/numpy /root/")
    said = checkout.deploy(bare, "--python=/usr/bin/python3", settings=TWO_CAMERAS, status=69)
    assert "python3-numpy" in said
    assert "sudo apt-get update && sudo apt-get install" in said
    is_bare(bare)
    assert bare.run("test -e /etc/camera-streamer || id camera-soft-stream", check=False).returncode == 1


def test_the_owners_settings_stay(rolled: Container, checkout: Checkout, new_checkout: NewCheckout) -> None:
    """Values stay, new keys are appended, the difference is shown, a backup remains; rollback restores everything."""
    before = in_force(rolled)
    newer = new_checkout()
    newer.change("camera-soft-stream.env", "cam_log_level=info", "cam_log_level=warning")
    rolled.run(f"cp {SETTINGS} /root/settings")
    rolled.run(f"sed -i 's/^cam_quality=.*/cam_quality=61/; /^cam_log_level/d' {SETTINGS}")
    mine = rolled.output(f"cat {SETTINGS}")
    said = newer.deploy(rolled)
    now = rolled.output(f"cat {SETTINGS}")
    assert "\ncam_quality=61\n" in now
    assert now.endswith("\ncam_log_level=warning")
    assert "+cam_log_level=warning" in said
    backup = re.search(r"Backup of the settings: (\S+)", said)
    assert backup
    assert rolled.output(f"cat {backup[1]}") == mine
    serves(rolled, 0, 1)
    newer.deploy(rolled, "--rollback")
    assert rolled.output(f"cat {SETTINGS}") == mine
    rolled.run(f"cp /root/settings {SETTINGS}; rm {SETTINGS}.*")
    assert in_force(rolled) == before
    assert "Nothing to change" in checkout.deploy(rolled)


def test_cameras_come_and_go_with_the_settings(rolled: Container, checkout: Checkout) -> None:
    """A removed camera is stopped and disabled, an added one is started and enabled."""
    before = in_force(rolled)
    said = checkout.deploy(rolled, settings=TWO_CAMERAS.replace("cam1_name=Bed\n", ""))
    assert "disable camera-soft-cam@1.service" in said
    assert states(rolled, *CAMERAS) == [("active", "enabled"), ("inactive", "disabled")]
    assert answer(rolled, "http://127.0.0.1:8082/").startswith("000")
    serves(rolled, 0)
    checkout.deploy(rolled, settings=TWO_CAMERAS)
    assert states(rolled, *CAMERAS) == [("active", "enabled")] * 2
    serves(rolled, 0, 1)
    rolled.run(f"rm {SETTINGS}.* {OPT}/history/00000[!1].json")
    assert in_force(rolled) == before


def test_a_camera_that_its_owner_disabled_stays_off(rolled: Container, new_checkout: NewCheckout) -> None:
    """An upgrade restarts only the other cameras, and names the command that enables this one."""
    rolled.run("systemctl disable --now camera-soft-cam@1")
    newer = new_checkout()
    newer.change("systemd/camera-soft-cam@.service", "Nice=5", "Nice=8")
    said = newer.deploy(rolled)
    about_it = [line for line in said.splitlines() if re.search(r"cam(era )?@?1\b", line, re.IGNORECASE)]
    enable = "sudo systemctl enable --now camera-soft-cam@1.service"
    assert about_it == [f"Camera 1 is disabled and does not start at boot; to enable it: {enable}"]
    assert states(rolled, *CAMERAS) == [("active", "enabled"), ("inactive", "disabled")]
    rolled.run("systemctl enable --now camera-soft-cam@1")
    serves(rolled, 0, 1)
