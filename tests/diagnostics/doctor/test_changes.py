"""Settings that have changed since the start of a process, and an upgrade that has failed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.config.installation import FAILED_UPGRADE
from soft_stream.config.loader import INSTALLED_FILE, LoadedConfig
from soft_stream.diagnostics.doctor.host import Reply
from soft_stream.diagnostics.doctor.report import Finding
from tests.diagnostics.doctor.stand_in import FakeHost, deployed, device, examine, status, wrongs

URL = "http://127.0.0.1:18081/status.json"
CHANGED = {"file": str(INSTALLED_FILE), "changed": ["cam_fps", "cam0_name"], "notice": "They have changed.", "fix": ""}
BROKEN = CHANGED | {"changed": [], "notice": f"It could not start again: {INSTALLED_FILE}: cannot be read."}


def about(settings: object) -> list[Finding]:
    """Return the findings about changed settings."""
    reply = Reply(200, json.dumps(json.loads(status()) | {"settings": settings}))
    return [each for each in examine(deployed(urls={URL: reply}))["service"] if "start" in each.what]


def test_changed_settings() -> None:
    """The finding has the keys and the command; it is no fault."""
    (found,) = about(CHANGED)
    assert found.level == "note"
    assert found.what == "camera 0: the settings have changed since its process was started: cam_fps, cam0_name"
    assert found.fix == "sudo systemctl restart camera-soft-cam@0"


def test_settings_that_prevent_a_start() -> None:
    """The unit would stay down, which is a fault; rights have another command than errors."""
    (found,) = about(BROKEN)
    assert (found.level, found.what) == ("WRONG", f"camera 0: {BROKEN['notice']}")
    assert found.fix.startswith("soft-stream check")
    (found,) = about(BROKEN | {"notice": f"It could not start: {INSTALLED_FILE}: cannot be read: Permission denied."})
    assert found.fix == f"sudo chown root:video {INSTALLED_FILE}; sudo chmod 640 {INSTALLED_FILE}"


def test_a_folder_that_the_service_cannot_open() -> None:
    """The rights of the file alone would not help."""
    notice = f"It could not start: {INSTALLED_FILE}: cannot be read: Permission denied."
    reply = Reply(200, json.dumps(json.loads(status()) | {"settings": BROKEN | {"notice": notice}}))
    for mode, is_closed in ((0o700, True), (0o750, True), (0o755, False)):
        host = deployed(urls={URL: reply}, nodes={str(INSTALLED_FILE.parent): device(mode=mode)})
        (fix,) = (each.fix for each in examine(host)["service"] if "start" in each.what)
        assert fix.startswith(f"sudo chmod 755 {INSTALLED_FILE.parent}; ") == is_closed


@pytest.mark.parametrize(
    "settings",
    [
        None,
        "text",
        {},
        CHANGED | {"changed": [], "notice": ""},
        CHANGED | {"file": "/home/pi/other.env"},
        CHANGED | {"file": 1},
        {"file": str(INSTALLED_FILE), "changed": 7, "notice": ["start"]},
        CHANGED | {"changed": ["\x1b[31m start", "sudo rm"], "notice": ""},
    ],
)
def test_no_change(settings: object) -> None:
    """An earlier version, a process with another file, and what another program sends are no finding."""
    assert about(settings) == []


class Removed(FakeHost):
    """A machine without a settings file."""

    def load(self, file: Path | None) -> LoadedConfig:
        """Load what there is."""
        return replace(super().load(file), file=None, cameras={})


def test_no_settings_yet() -> None:
    """Where no unit is installed, a command writes the first settings."""
    (found,) = examine(Removed())["settings"]
    assert "no settings file" in found.what
    assert found.fix.startswith("soft-stream init")


def test_settings_that_are_gone() -> None:
    """Units that still run would stay down after a restart."""
    host = Removed(**vars(deployed()))
    assert wrongs(examine(host))["settings"] == [
        f"{INSTALLED_FILE} is missing, and these units still run: camera-soft-cam@0.service"
    ]
    host.nodes[str(INSTALLED_FILE)] = device(mode=0o640)
    assert "settings" not in wrongs(examine(host))


def test_a_failed_upgrade() -> None:
    """Its sentence is a fault until the next upgrade; a file that cannot be read says so, too."""
    assert "versions" not in wrongs(examine(deployed()))
    host = deployed(files={str(FAILED_UPGRADE): "The upgrade to 2.0 has failed: camera 0 gave no frame.\n"})
    found = examine(host)
    assert wrongs(found)["versions"] == ["The upgrade to 2.0 has failed: camera 0 gave no frame."]
    assert "dpkg-reconfigure camera-soft-stream" in found["versions"][0].fix
    (unreadable,) = wrongs(examine(deployed(nodes={str(FAILED_UPGRADE): device()})))["versions"]
    assert unreadable.startswith("The last upgrade of camera-soft-stream has failed")
