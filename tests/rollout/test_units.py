"""The units of systemd, checked with its own tools."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from rollout import names, nginx

from tests.support.checkout import ROOT

SYSTEMD = ROOT / "systemd"
SERVICE = SYSTEMD / "camera-soft-cam@.service"
EXPOSURE_MAX = 2.0


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a folder with the units; the program that they start is replaced by one that exists here."""
    for path in (*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.target")):
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    for path, per_camera in names.files(ROOT, [0], tmp_path).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(per_camera or "")
    return tmp_path


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run systemd-analyze, which works without a running systemd."""
    program = shutil.which("systemd-analyze")
    assert program, "scripts/test.sh installs systemd"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "name", ["camera-soft-cam@0.service", "camera-soft-cam0.service", "camera-soft-cam-arrived@video0.service"]
)
def test_systemd_accepts_the_units(units: Path, name: str) -> None:
    """`systemd-analyze verify` accepts each unit without a warning."""
    if (template := re.sub(r"@\w+", "@", name)) != name:
        (units / name).symlink_to(units / template)
    verified = analyze("verify", "--man=no", str(units / name))
    about_ours = [line for line in verified.stderr.splitlines() if "camera-soft" in line]
    assert (verified.returncode, about_ours) == (0, [])


def test_the_service_has_few_permissions() -> None:
    """`systemd-analyze security` gives the service 2.0 or better."""
    judged = analyze("security", "--offline=true", "--json=short", "--no-pager", str(SERVICE))
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)
    plain = analyze("security", "--offline=true", "--no-pager", str(SERVICE))
    exposure = re.search(r"exposure level for .*: ([\d.]+)", plain.stdout)
    assert exposure
    assert float(exposure[1]) <= EXPOSURE_MAX


def test_some_exit_statuses_prevent_a_restart() -> None:
    """A missing camera and a wrong setting keep a unit down; after other errors it is restarted without a limit."""
    text = SERVICE.read_text()
    assert "RestartPreventExitStatus=66 78" in text
    assert "Restart=always" in text
    assert "StartLimitIntervalSec=0" in text


def test_sockets_and_pause_files_have_directories_of_their_own() -> None:
    """Only the service may write the directory of the sockets; the group may write that of the pause files."""
    text = SERVICE.read_text()
    assert "\nRuntimeDirectoryMode" not in text  # 0755
    assert nginx.INSTALLED.upstream == "unix:/run/camera-soft-stream-sockets/cam{number}-login.sock"
    assert "RuntimeDirectory=camera-soft-stream-sockets\n" in text
    assert "Environment=RUNTIME_DIRECTORY=/run/camera-soft-stream:/run/camera-soft-stream-sockets\n" in text


def test_the_program_reads_the_settings_file_itself() -> None:
    """The unit names the file once, as an argument; as environment variables its values would override it."""
    text = SERVICE.read_text()
    assert "EnvironmentFile" not in text
    assert text.count("/etc/camera-streamer/camera-soft-stream.env") == 1


def test_keys_of_newer_systemd_have_their_own_file() -> None:
    """Keys that need systemd 254 are in a file of their own."""
    assert "RestartSteps" not in SERVICE.read_text()
    assert "RestartSteps" in (SYSTEMD / "backoff.conf").read_text()
