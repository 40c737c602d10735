"""The commands, units, URLs and paths of the older programs' documents, on a machine that was taken over.

tests/older_programs/promises.toml names what each test must run and request.
"""

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.lab import older_portal
from tests.end_to_end.lab.conftest import BootContainer
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import OPT, PROJECT, PYTHON, SETTINGS, TWO_CAMERAS, Checkout, answer, serves
from tests.older_programs.promises import tried_by

THIS = "tests/end_to_end/lab/test_promises.py"
OLD_FOLDER = "/home/vojrik/Scripts/rpi_cameras"
LOGIN = ("--user", "anna:old-secret")
WEBCAMD = """[Unit]
Description=Webcam Daemon. A minimalist webcam streaming service.
After=network.online.target
Wants=network.online.target

[Service]
Type=simple
User=octoprint
Group=octoprint
ExecStart=/usr/bin/webcamd
ExecStop=killall -u webcam webcamd

[Install]
WantedBy=multi-user.target
"""
# what pip writes for the command; the packages are those of the release, since the lab has no package index
COMMAND = f"""#!/opt/picam/bin/python
import sys
sys.path.insert(0, "{OPT}/current/lib")
from soft_stream.cli.webcamd import main
sys.exit(main())
"""
# the lab has no camera, and nginx has port 8080
LAB = "[Service]\nEnvironment=cam0_source=test-pattern cam0_port=8090\n"


@pytest.fixture(scope="module")
def taken(boot_container: BootContainer, tmp_path_factory: pytest.TempPathFactory) -> Container:
    """Boot a machine that runs the older program, and deploy to it; each test restores it."""
    machine = boot_container()
    older_portal.install(machine)
    older_portal.put(machine, f"{OLD_FOLDER}/soft-stream.py", "# the older program\n")
    Checkout(tmp_path_factory.mktemp("project") / "checkout").deploy(machine)
    return machine


def show(machine: Container, name: str, unit: str) -> str:
    """Return a property of a unit."""
    return machine.output(f"systemctl show --value --property {name} {unit}")


def runs(machine: Container, camera: int) -> bool:
    """Return whether the unit of a camera runs."""
    return show(machine, "ActiveState", f"camera-soft-cam@{camera}.service") == "active"


def until_serves(machine: Container, camera: int) -> None:
    """Wait until the process of a camera answers."""
    machine.until(f"curl --silent --fail http://127.0.0.1:{18081 + camera}/healthz", 120)


def test_the_units_of_the_document(taken: Container) -> None:
    """The verbs of systemctl act on the cameras under the names of the older units, for an owner with sudo."""

    def own(command: str) -> str:
        return taken.run(command, user="pi").stdout

    def pids() -> list[str]:
        return [show(taken, "MainPID", f"camera-soft-cam@{camera}.service") for camera in (0, 1)]

    before = pids()
    own("sudo systemctl restart camera-soft-cam0.service camera-soft-cam1.service")
    until_serves(taken, 0)
    until_serves(taken, 1)
    restarted = pids()
    assert not {"0", *before} & set(restarted)

    own("sudo systemctl restart camera-soft-cam0.service")
    own("sudo systemctl restart camera-soft-cam1.service")
    until_serves(taken, 1)
    assert not {"0", *restarted} & set(pids())

    own("sudo systemctl stop camera-soft-cam1.service")
    assert [runs(taken, camera) for camera in (0, 1)] == [True, False]
    own("sudo systemctl start camera-soft-cam1.service")
    until_serves(taken, 1)

    own("sudo systemctl disable --now camera-soft-cam0.service")
    assert [runs(taken, camera) for camera in (0, 1)] == [False, True]
    taken.run("systemctl restart camera-soft-cam.target")
    taken.until("systemctl is-active camera-soft-cam@1.service", 120)
    assert not runs(taken, 0)
    own("sudo systemctl enable --now camera-soft-cam0.service")
    until_serves(taken, 0)
    own("sudo systemctl stop camera-soft-cam0.service")
    own("sudo systemctl start camera-soft-cam0.service")
    until_serves(taken, 0)
    assert "Active: active" in own("systemctl status camera-soft-cam0.service")


def test_the_log_of_the_document(taken: Container) -> None:
    """`journalctl -u` with the old name has systemd's lines; with the pattern of our documents it has all of them."""
    for camera in (0, 1):
        lines = taken.output(f"journalctl -u 'camera-soft-cam*{camera}*'")
        assert f"cam{camera} Listening on " in lines
        assert f"camera-soft-cam{camera}.service" in taken.output(f"journalctl -u camera-soft-cam{camera}.service")
    assert "camera-soft-cam1.service" in taken.output("journalctl -u camera-soft-cam1.service -n 50")
    assert "camera-soft-cam*1*" in taken.run("systemctl status camera-soft-cam1.service", check=False).stdout


@pytest.mark.parametrize("url", tried_by(f"{THIS}::test_the_urls_of_the_document"))
def test_the_urls_of_the_document(taken: Container, url: str) -> None:
    """Ports 808X ask for the login of the older nginx site; ports 1808X answer only this machine, without a login."""
    login = ""
    if ":808" in url:
        assert answer(taken, url).startswith("401 ")
        login = " ".join(LOGIN)
    # a stream does not end by itself: the head of the answer is enough
    line = f"curl --silent --include {login} {url} | head --lines 30 | tr --delete --complement '[:print:]\\n'"
    said = taken.net(["sh", "-c", line]).stdout
    assert said.startswith("HTTP/1.1 200 ")
    kind = {"stream.mjpg": "multipart/x-mixed-replace", "snapshot.jpg": "image/jpeg"}
    assert f"Content-Type: {kind.get(url.rpartition('/')[2], 'text/html')}" in said


def test_measuring(taken: Container) -> None:
    """The probe is on the Raspberry Pi, and counts frames with the arguments of the document."""
    script = f"{OPT}/current/scripts/measure_fps.py"
    said = taken.output(f"python3 {script} http://127.0.0.1:18082/stream.mjpg --frames 150", user="pi")
    assert "(150 live frames)" in said
    said = taken.output(
        f"cd {OPT}/current/scripts && python3 measure_fps.py http://127.0.0.1:18081/stream.mjpg", user="pi"
    )
    assert "observed FPS" in said


def test_the_files_of_the_document(taken: Container) -> None:
    """The settings are where they were, the old folder is left alone, and the units are those of the release."""
    assert taken.output(f"cat {OLD_FOLDER}/soft-stream.py") == "# the older program"
    assert taken.output(f"ls {OLD_FOLDER}") == "soft-stream.py"
    assert 'cam0_name="Printer left (IMX219)"' in taken.output("cat /etc/camera-streamer/camera-soft-stream.env")
    assert SETTINGS in taken.output("ls /etc/camera-streamer/*.env").split()
    assert "camera-soft-cam@.service" in taken.output(f"ls {OPT}/current/systemd").split()
    assert "cam_quality=" in taken.output(f"cat {OPT}/current/camera-soft-stream.env")
    assert "Type=notify" in taken.output("systemctl cat camera-soft-cam@.service")


def test_the_units_on_the_disk(taken: Container) -> None:
    """The older units are kept elsewhere, so that only ours have the names; `--rollback` restores them."""
    assert taken.run("ls /etc/systemd/system/camera-soft-cam*.service", check=False).stdout == ""
    assert "/srv/rpi_cameras/soft-stream.py" not in taken.output(
        "systemctl cat camera-soft-cam0.service camera-soft-cam1.service"
    )
    kept = taken.output("grep --recursive --files-with-matches /srv/rpi_cameras/soft-stream.py /etc/camera-streamer")
    assert {path.rpartition("/")[2] for path in kept.split()} == set(older_portal.OLDER)


def test_deploying_on_the_machine_itself(boot_container: BootContainer, tmp_path: Path) -> None:
    """Without an argument the script deploys to the Raspberry Pi on which it runs."""
    machine, checkout = boot_container(), Checkout(tmp_path / "checkout")
    # the lab is no Raspberry Pi, has Picamera2 in a Python of its own, and no package index
    checkout.change("scripts/rollout/deploy.py", 'Path("/proc/device-tree/model")', 'Path("/etc/lab-model")')
    checkout.change("scripts/rollout/deploy.py", 'default="/usr/bin/python3"', f'default="{PYTHON}"')
    for name in (".venv", "build"):
        (checkout.folder / name).unlink()
    shutil.copytree(PROJECT / "build", checkout.folder / "build")
    (checkout.folder / ".venv/bin").mkdir(parents=True)
    (checkout.folder / ".venv/bin/python").symlink_to(PYTHON)
    stamp = hashlib.sha256((checkout.folder / "pyproject.toml").read_bytes()).hexdigest()
    (checkout.folder / ".venv/.made-from").write_text(f"{stamp} \n")
    settings_file = checkout.folder / "camera-soft-stream.env"
    settings_file.write_text(settings_file.read_text() + TWO_CAMERAS)
    older_portal.put(machine, "/etc/lab-model", "Raspberry Pi 5 Model B\n")
    machine.put(checkout.folder, "/home/pi/checkout", user="pi")
    said = machine.run("cd /home/pi/checkout && scripts/deploy-soft-stream.sh", user="pi", check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.endswith("is active.\n")
    serves(machine, 0, 1)


def test_the_group(taken: Container) -> None:
    """The process is in the group that may open cameras."""
    assert taken.output("systemctl show --value --property Group camera-soft-cam@0.service") == "video"
    pid = show(taken, "MainPID", "camera-soft-cam@0.service")
    assert taken.output(f"stat --format %G /proc/{pid}") == "video"


def test_the_unit_of_webcamd(taken: Container) -> None:
    """The unit of the document starts the command at each boot, as an ordinary user, and stops it."""
    older_portal.put(taken, "/etc/systemd/system/webcamd.service", WEBCAMD)
    older_portal.put(taken, "/etc/systemd/system/webcamd.service.d/lab.conf", LAB)
    older_portal.put(taken, "/usr/bin/webcamd", COMMAND)
    taken.run("chmod 755 /usr/bin/webcamd && useradd --groups video octoprint")
    taken.run("sudo systemctl daemon-reload", user="pi")
    taken.run("sudo systemctl enable webcamd.service", user="pi")
    assert taken.output("systemctl is-enabled webcamd.service") == "enabled"
    taken.run("systemctl start webcamd.service")
    taken.until("curl --silent --fail http://127.0.0.1:8090/?snapshot >/dev/null", 120)
    assert taken.output("ps -o user:20=,group:20= -C webcamd").split() == ["octoprint", "octoprint"]
    taken.run("systemctl stop webcamd.service")
    assert taken.run("pgrep -x webcamd", check=False).returncode == 1
    taken.run(
        "systemctl disable webcamd.service; rm -r /etc/systemd/system/webcamd.service* && systemctl daemon-reload"
    )
