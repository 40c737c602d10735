"""The names of the older portal's units, the two runtime directories, and the pause file of mjpg-streamer's fork."""

import pytest

from tests.end_to_end.lab import older_portal
from tests.end_to_end.lab.conftest import BootContainer
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import (
    CAMERAS,
    OPT,
    ROLLOUT,
    SETTINGS,
    TWO_CAMERAS,
    Checkout,
    measure,
    pids,
    serves,
    states,
    under_way,
)
from tests.end_to_end.lab.older_portal import OLDER, older_serves, put

FOR_PAUSES, FOR_SOCKETS = "/run/camera-soft-stream", "/run/camera-soft-stream-sockets"
LOCK = "/run/mjpg_streamer_paused.lock"
LATE = f"/run/systemd/system/{CAMERAS[0]}.d/late.conf"
TEMPLATE = "systemd/camera-soft-cam@.service"
RUNS = [("active", "enabled")] * 2
# as systemd sees a camera and its name; the name follows within a moment
IN_STEP = """for number in 0 1; do
    for property in ActiveState UnitFileState; do
        names="$(systemctl show --value --property $property camera-soft-cam$number.service)"
        [ "$names" = "$(systemctl show --value --property $property camera-soft-cam@$number.service)" ] || exit 1
    done
done"""


@pytest.fixture
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a copy of the project."""
    return Checkout(tmp_path_factory.mktemp("project") / "checkout")


@pytest.fixture(scope="module")
def rolled(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Container:
    """Roll out two cameras to a container that had none; each test restores it."""
    Checkout(tmp_path_factory.mktemp("project") / "checkout").deploy(container, settings=TWO_CAMERAS)
    return container


def all_verbs_work(machine: Container, user: str = "camera", secret: str | None = None) -> None:
    """Use the older names as the README of the older portal says, and check the cameras."""

    def serve(*cameras: int) -> None:
        for camera in cameras:
            measure(machine, machine.url(8081 + camera, "/stream.mjpg"), user, secret)

    assert (states(machine, *OLDER), states(machine, *CAMERAS)) == (RUNS, RUNS)
    before = pids(machine)
    machine.run(f"sudo systemctl restart {' '.join(OLDER)}", user="pi")
    assert not set(pids(machine)) & {*before, "0"}
    serve(0, 1)
    machine.run(f"sudo systemctl stop {OLDER[1]}", user="pi")
    assert (states(machine, OLDER[1]), states(machine, CAMERAS[1])) == ([("inactive", "enabled")],) * 2
    serve(0)
    machine.run(f"sudo systemctl start {OLDER[1]}", user="pi")
    assert (states(machine, *OLDER), states(machine, *CAMERAS)) == (RUNS, RUNS)
    shown = machine.output(f"systemctl status --no-pager {OLDER[0]}", user="pi")
    assert "runs as camera-soft-cam@0.service; its log: journalctl -u 'camera-soft-cam*0*'" in shown
    log = machine.output("journalctl --no-pager -u 'camera-soft-cam*0*'")
    assert "cam0 Listening on http://127.0.0.1:18081" in log
    assert f"{OLDER[0]}" in log

    machine.run(f"sudo systemctl disable --now {OLDER[0]}", user="pi")
    off = [("inactive", "disabled")]
    assert (states(machine, OLDER[0]), states(machine, CAMERAS[0])) == (off, off)
    machine.run("systemctl stop camera-soft-cam.target && systemctl start camera-soft-cam.target")  # as a boot does
    machine.until(f"systemctl is-active {OLDER[1]} {CAMERAS[1]}")
    assert (states(machine, OLDER[0]), states(machine, CAMERAS[0])) == (off, off)
    machine.run(f"sudo systemctl enable --now {OLDER[0]}", user="pi")
    assert (states(machine, *OLDER), states(machine, *CAMERAS)) == (RUNS, RUNS)
    serve(0, 1)


def test_the_older_names_work_where_the_older_portal_was(boot_container: BootContainer, checkout: Checkout) -> None:
    """They control our units, also after an upgrade; a rollback restores the older units; a second takeover works."""
    machine = boot_container()
    folder = "/etc/systemd/system"
    put(machine, f"{folder}/{OLDER[0]}.d/local.conf", "[Service]\nEnvironment=MINE=1\n")
    older_portal.install(machine)
    listing = f"cd {folder}; find . -name 'camera-soft*' -printf '%p %l\\n' | sort; cat {OLDER[0]} {OLDER[0]}.d/*"
    before = machine.output(listing)
    said = checkout.deploy(machine)
    assert f"* move {folder}/{OLDER[0]} to /etc/camera-streamer/replaced-units/1/{OLDER[0]}" in said
    assert machine.output(f"find {folder} -path '*camera-soft-cam?.service*' -not -path '*.target.wants/*'") == ""
    assert "MINE" not in machine.output(f"systemctl cat {OLDER[0]}")
    all_verbs_work(machine, "anna", "old-secret")
    assert "Nothing to change" in checkout.deploy(machine)

    machine.run(f"systemctl disable --now {OLDER[0]} && systemctl disable {OLDER[1]}")
    checkout.change(TEMPLATE, "Nice=5", "Nice=6")
    said = checkout.deploy(machine)
    assert "cam0:" not in said
    enable = f"sudo systemctl enable --now {CAMERAS[0]}"
    assert f"Camera 0 is disabled and does not start at boot; to enable it: {enable}" in said
    assert "cam1: observed FPS" in said  # it runs, although it is disabled
    machine.run(f"systemctl enable {OLDER[1]}")
    assert states(machine, OLDER[0], CAMERAS[0], OLDER[1]) == [("inactive", "disabled")] * 2 + RUNS[:1]
    machine.run(f"systemctl enable --now {CAMERAS[0]}")
    machine.until(IN_STEP)

    for _ in range(2):
        checkout.deploy(machine, "--rollback")
    older_serves(machine)
    assert machine.output(listing) == before
    assert machine.run("test -e /etc/camera-streamer/replaced-units", check=False).returncode == 1
    checkout.deploy(machine)
    assert (states(machine, *OLDER), states(machine, *CAMERAS)) == (RUNS, RUNS)

    # the owner installs the older unit again, by mistake: the next deployment moves it away, too
    put(machine, f"{folder}/{OLDER[0]}", "[Service]\nExecStart=/bin/sleep 1000\n")
    machine.run(f"systemctl daemon-reload; systemctl restart {OLDER[0]}")
    said = checkout.deploy(machine)
    assert f"* move {folder}/{OLDER[0]} to /etc/camera-streamer/replaced-units/2/{OLDER[0]}" in said
    assert machine.run("pgrep -f 'sleep 1000'", check=False).returncode == 1
    assert (states(machine, *OLDER), states(machine, *CAMERAS)) == (RUNS, RUNS)
    machine.run(f"systemctl mask {OLDER[1]}")
    said = checkout.deploy(machine, "--uninstall")
    assert f"{folder}/{OLDER[1]} stays: no rollout created it" in said
    machine.run(f"systemctl unmask {OLDER[1]}")
    assert "The replaced units are kept in /etc/camera-streamer/replaced-units" in said
    assert machine.output("systemctl list-units --all --plain --no-legend 'camera-soft*'") == ""
    assert machine.output(f"find /run /usr/local/lib/systemd {folder} -name '*camera-soft*'") == ""


def test_the_older_names_work_on_a_fresh_machine(rolled: Container) -> None:
    """They control our units where no older portal was."""
    all_verbs_work(rolled)


def test_a_name_has_the_state_of_its_camera(rolled: Container) -> None:
    """After crashes, failures, restarts by other names and by udev's helper both are equal; failures stay failures."""
    pid = pids(rolled)[0]
    for end in (f"kill -KILL {pid}", f"systemctl restart {CAMERAS[0]}", "systemctl restart camera-soft-cam.target"):
        pid = pids(rolled)[0]
        rolled.run(end)
        rolled.until(f"[ $(systemctl show --value --property MainPID {CAMERAS[0]}) != {pid} ]")
        rolled.until(f"{IN_STEP}; systemctl is-active {OLDER[0]}")
    rolled.run(f"systemctl stop {CAMERAS[0]}")
    rolled.until(f"{IN_STEP}; ! systemctl is-active {OLDER[0]}")
    rolled.run(f"systemctl start {CAMERAS[0]}")
    rolled.until(f"{IN_STEP}; systemctl is-active {OLDER[0]}")

    rolled.run(f"cp {SETTINGS} /root/settings")
    for line, status in (("cam0_source=picamera", "66"), ("cam0_fps=fast", "78")):
        rolled.run(f"echo {line} >>{SETTINGS}")
        assert rolled.run(f"systemctl restart {OLDER[0]}", check=False).returncode == 1
        rolled.until(f"{IN_STEP}; systemctl is-failed {OLDER[0]}")
        assert rolled.run(f"systemctl start {OLDER[0]}", check=False).returncode == 1
        rolled.until(f"{IN_STEP}; systemctl is-failed {OLDER[0]}")
        shown = rolled.output(f"systemctl show --property ExecMainStatus,NRestarts {CAMERAS[0]}").split()
        assert set(shown) == {f"ExecMainStatus={status}", "NRestarts=0"}
        rolled.run(f"cp /root/settings {SETTINGS}")
        if status == "66":
            rolled.run("systemctl start camera-soft-cam-arrived@video0.service")
        else:
            rolled.run(f"systemctl start {OLDER[0]}")
        rolled.until(f"{IN_STEP}; systemctl is-active {OLDER[0]}")

    # a port that is in use: systemd restarts the camera with a pause between the attempts, and does so without end
    rolled.run(f"systemctl stop {CAMERAS[0]} && systemd-run --unit=squatter python3 -m http.server 18081")
    rolled.until("ss -ltn | grep -q :18081")
    assert rolled.run(f"systemctl start {OLDER[0]}", check=False).returncode == 1
    rolled.until(f"[ $(systemctl show --value --property NRestarts {CAMERAS[0]}) -ge 2 ]")
    assert rolled.run(f"systemctl is-active {OLDER[0]}", check=False).returncode != 0
    attempts = rolled.journal(CAMERAS[0]).count("status=75")
    assert attempts <= 6, rolled.journal(CAMERAS[0])
    rolled.run("systemctl stop squatter")
    rolled.until(f"{IN_STEP}; systemctl is-active {OLDER[0]}")
    serves(rolled, 0, 1)


def test_a_camera_that_fails_while_it_runs(rolled: Container) -> None:
    """Without a restart its name fails too; restarts are counted, and the name stays active, also if it is masked."""
    for status, then in ((66, "is-failed"), (78, "is-failed"), (75, "is-active")):
        command = f"/bin/sh -c 'systemd-notify --ready; sleep 1; exit {status}'"
        put(rolled, LATE, f"[Service]\nNotifyAccess=all\nExecStart=\nExecStart={command}\n")
        rolled.run(f"systemctl daemon-reload; systemctl restart {OLDER[0]}")
        if status == 75:
            rolled.until(f"[ $(systemctl show --value --property NRestarts {CAMERAS[0]}) -ge 2 ]")
        else:
            rolled.until(f"systemctl is-failed {CAMERAS[0]}")
        rolled.until(f"systemctl {then} {OLDER[0]}")
    rolled.run(f"rm {LATE}; systemctl daemon-reload; systemctl restart {OLDER[0]}; systemctl mask {OLDER[0]}")
    assert "of the previous program" not in rolled.output("soft-stream doctor || true")
    rolled.run(f"systemctl stop {CAMERAS[0]}")
    rolled.until(f"! systemctl is-active {OLDER[0]}")
    rolled.run(f"systemctl unmask {OLDER[0]}; systemctl start {OLDER[0]}")
    rolled.until(IN_STEP)
    serves(rolled, 0)


def test_a_camera_that_is_removed_loses_its_name(rolled: Container, checkout: Checkout) -> None:
    """Neither its unit nor its name remains; both return with the camera."""
    checkout.deploy(rolled, settings=TWO_CAMERAS.replace("cam1_name=Bed\n", ""))
    assert states(rolled, OLDER[1]) == [("inactive", "not-found")]
    assert rolled.output("find /etc/systemd/system /usr/local/lib/systemd -name '*camera-soft-cam*1*'") == ""
    checkout.deploy(rolled, settings=TWO_CAMERAS)
    assert (states(rolled, *OLDER), states(rolled, *CAMERAS)) == (RUNS, RUNS)


def test_only_the_service_creates_sockets_for_nginx(rolled: Container) -> None:
    """Members of the group video may write pause files, but cannot create or replace a socket; nginx uses these."""
    rolled.run("useradd --groups video viewer")
    assert rolled.output(f"stat -c '%a %U %G' {FOR_PAUSES} {FOR_SOCKETS}").split("\n") == [
        "2775 camera-soft-stream video",
        "755 camera-soft-stream video",
    ]
    for command in (
        f"touch {FOR_SOCKETS}/new", f"rm -f {FOR_SOCKETS}/cam0.sock", f"mv {FOR_SOCKETS}/cam0.sock {FOR_PAUSES}/",
        f"mv {FOR_SOCKETS} /run/moved", f"ln -sf /tmp/other {FOR_SOCKETS}/cam0.sock",
        f"python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{FOR_SOCKETS}/cam7.sock\")'",
    ):  # fmt: skip
        assert rolled.run(["runuser", "-u", "viewer", "--", "sh", "-c", command], check=False).returncode != 0, command
    assert rolled.output(f"ls {FOR_SOCKETS}").split() == [
        *("cam0-login.sock", "cam0.sock", "cam1-login.sock", "cam1.sock")
    ]
    assert rolled.output("grep -ho 'unix:[^ ;]*' /etc/nginx/conf.d/* | sort -u").split() == [
        f"unix:{FOR_SOCKETS}/cam0-login.sock",
        f"unix:{FOR_SOCKETS}/cam1-login.sock",
    ]
    serves(rolled, 0, 1)
    # the directories return when they have vanished, as they have after a boot
    rolled.run(f"systemctl stop {' '.join(CAMERAS)}; rm -r {FOR_PAUSES} {FOR_SOCKETS}; systemctl start {CAMERAS[0]}")
    rolled.run(f"systemctl start {CAMERAS[1]}; runuser -u viewer -- touch {FOR_PAUSES}/cam0.pause")
    rolled.until(f"test -e {FOR_PAUSES}/cam0.pause.ack")
    rolled.run(f"runuser -u viewer -- rm {FOR_PAUSES}/cam0.pause")
    rolled.until(f"! test -e {FOR_PAUSES}/cam0.pause.ack")
    serves(rolled, 0, 1)


def test_the_pause_file_of_mjpg_streamers_fork(rolled: Container) -> None:
    """`touch` of root closes the camera, which is acknowledged; `rm` ends it; the log has no warning."""
    more = f"cam0_pause_file={LOCK}\\ncam0_pause_snapshot=/run/snap.jpg\\n"
    rolled.run(f"cp {SETTINGS} /root/settings && printf '{more}' >>{SETTINGS}")
    rolled.run("printf '\\377\\330\\377 the photo' >/run/snap.jpg")
    rolled.run(f"systemctl restart {CAMERAS[0]}")
    pid = pids(rolled)[0]
    for _ in range(2):
        serves(rolled, 0)
        rolled.run(f"sudo touch {LOCK}", user="pi")
        rolled.until(f"grep -qx 'user root' {FOR_PAUSES}/cam0.pause.ack")
        assert '"state": "paused"' in rolled.output("curl -s http://127.0.0.1:18081/status.json")
        rolled.run("curl -s http://127.0.0.1:18081/snap.jpg | cmp - /run/snap.jpg")
        rolled.run(f"sudo rm {LOCK}", user="pi")
        rolled.until(f"! test -e {FOR_PAUSES}/cam0.pause.ack")
    serves(rolled, 0)
    log = rolled.output(f"journalctl --no-pager --output=cat _PID={pid}")
    assert "PAUSED: paused by user root" in log
    assert "WARNING" not in log.replace("WARNING cam0 PAUSED", "")
    assert "ERROR" not in log
    assert rolled.run(f"ls {LOCK}*", check=False).returncode == 2
    rolled.run(f"cp /root/settings {SETTINGS} && systemctl restart {CAMERAS[0]}")


def test_an_upgrade_from_one_runtime_directory(boot_container: BootContainer, checkout: Checkout) -> None:
    """While cameras are on trial nginx reaches them; an interrupted upgrade and a rollback leave the older layout."""
    machine = boot_container()
    newer = Checkout(checkout.folder.parent / "newer", checkout.folder)
    text = (checkout.folder / TEMPLATE).read_text()
    lines = text[text.index("RuntimeDirectory=") : text.index("StateDirectory=")]
    group = "RuntimeDirectory=camera-soft-stream\nRuntimeDirectoryMode=2775\nRuntimeDirectoryPreserve=yes\n"
    checkout.change(TEMPLATE, lines, group)
    checkout.change(
        "scripts/rollout/nginx.py",
        f"unix:{FOR_SOCKETS}/cam{{number}}-login.sock",
        f"unix:{FOR_PAUSES}/cam{{number}}.sock",
    )
    for path in sorted((checkout.folder / "systemd/per-camera").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    checkout.deploy(machine, settings=TWO_CAMERAS)
    older = "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"
    put(machine, f"/etc/systemd/system/{OLDER[0]}", older)  # older releases left it there, disabled
    state = (
        f"readlink {OPT}/current; find /etc/nginx /etc/systemd /usr/local/lib/systemd -type f -exec cksum {{}} + | sort"
    )
    before = machine.output(state)

    start = "ExecStart=/opt/camera-soft-stream/current"
    newer.change(TEMPLATE, start, f"ExecStartPre=/bin/sh -c '[ %i = 0 ] || exec sleep 80'\n{start}")
    with under_way(newer, machine, f"systemctl show -p ActiveState {CAMERAS[1]} | grep =activating"):
        serves(machine, 0)
        machine.run(f"systemctl kill --signal=KILL {ROLLOUT}")
    serves(machine, 0, 1)
    assert machine.output(state) == before

    newer.change(TEMPLATE, "|| exec sleep 80", "")
    newer.change(TEMPLATE, "[ %i = 0 ]", "true")
    newer.deploy(machine)
    assert (states(machine, *OLDER), states(machine, *CAMERAS)) == (RUNS, RUNS)
    serves(machine, 0, 1)
    machine.run(f"systemctl restart {' '.join(CAMERAS)}")
    assert machine.output(f"ls {FOR_PAUSES}") == ""
    serves(machine, 0, 1)
    newer.deploy(machine, "--rollback")
    assert machine.output(state) == before
    serves(machine, 0, 1)
    assert states(machine, *OLDER) == [("inactive", "disabled"), ("inactive", "not-found")]
    assert states(machine, *CAMERAS) == RUNS
