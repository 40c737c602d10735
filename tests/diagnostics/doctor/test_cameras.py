"""Cameras: which are connected, selected, changed or in use."""

from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraError, CameraInfo, CameraUnsupported
from soft_stream.config.loader import INSTALLED_FILE, LoadedConfig, SettingsError
from soft_stream.diagnostics.doctor.device_users import UsedCamera
from tests.diagnostics.doctor.stand_in import (
    CAM0,
    CAM1,
    STANDARD,
    WIDE,
    FakeHost,
    deployed,
    device,
    examine,
    shown,
    wrongs,
)

OLD_CAM0 = CAM0.replace("pcie@1000120000", "pcie@120000")


def test_a_camera_of_the_settings_is_there() -> None:
    """It is named with its model and id."""
    findings = examine(deployed())
    assert [each.what for each in findings["cameras"]] == [f"camera 0 is imx708_wide, CSI, {CAM0}"]


def test_a_missing_camera_is_wrong() -> None:
    """The connected cameras are listed, and the advice is to check the cable."""
    findings = examine(deployed(connected=[]))
    assert wrongs(findings)["cameras"] == [f"cam0: camera {CAM0} is not connected; connected: none"]
    assert findings["cameras"][0].fix.startswith("check the cable")


def test_a_camera_in_another_port_has_its_line_to_paste() -> None:
    """If exactly one unused camera is connected, it may be the missing one."""
    [finding, spare] = examine(deployed(connected=[STANDARD]))["cameras"]
    assert f"cam0_id={CAM1}; then: sudo systemctl restart camera-soft-cam@0" in finding.fix
    assert "cam1_id=" in spare.fix


def test_an_id_whose_beginning_has_changed_has_its_line_to_paste() -> None:
    """The camera is found anyway."""
    [finding] = examine(deployed(settings=f"cam0_id={OLD_CAM0}\n"))["cameras"]
    assert finding.level == "note"
    assert f"The first part of the id {OLD_CAM0} has changed" in finding.what
    assert f"cam0_id={CAM0}" in finding.fix


def test_without_an_id_the_line_is_printed() -> None:
    """Without an id another camera could take its place."""
    [finding] = examine(deployed(settings="cam0_name=Nozzle\n"))["cameras"]
    assert finding.level == "note"
    assert f"cam0_id={CAM0}" in finding.fix


def test_another_camera_than_the_one_served_last_is_wrong() -> None:
    """Without an id, only the order of the ports selects the camera."""
    served = {"/var/lib/camera-soft-stream/cam0-served": f"2026-01-01T00:00:00Z {CAM1}\n"}
    findings = examine(deployed(settings="cam0_name=Nozzle\n", files=served))
    assert wrongs(findings)["cameras"] == [
        f"camera 0 was {CAM1} since 2026-01-01T00:00:00Z, and is now {CAM0}",
    ]
    assert f"cam0_id={CAM0}" in findings["cameras"][0].fix


def test_another_camera_since_a_restart_is_still_reported() -> None:
    """The service has recorded both."""
    lines = f"2026-01-01T00:00:00Z {CAM1}\n2026-02-01T00:00:00Z {CAM0}\n"
    served = {"/var/lib/camera-soft-stream/cam0-served": lines}
    [finding] = examine(deployed(settings="cam0_name=Nozzle\n", files=served))["cameras"]
    assert f"{CAM1} until 2026-02-01T00:00:00Z, since then {CAM0}" in finding.what
    [finding] = examine(deployed(files=served))["cameras"]
    assert finding.level == "ok"


def test_two_numbers_that_select_one_camera_are_wrong() -> None:
    """One selects it by its id, the other by its place."""
    findings = examine(deployed(settings=f"cam0_name=Nozzle\ncam1_id={CAM0}\n"))
    assert f"camera 0 and camera 1 are the same: imx708_wide, CSI, {CAM0}" in wrongs(findings)["cameras"]


def test_a_camera_outside_the_settings_has_its_line() -> None:
    """The line has the next free number."""
    findings = examine(deployed(connected=[WIDE, STANDARD]))["cameras"]
    assert findings[1].level == "note"
    assert f"cam1_id={CAM1}" in findings[1].fix


def test_a_user_without_permissions_sees_no_cameras() -> None:
    """That is a note: the user of the service may have the permissions."""
    nodes = {"/dev/video0": device(can_open=False), "/dev/media0": device(can_open=False)}
    findings = examine(deployed(connected=[], nodes=nodes))
    assert wrongs(findings) == {}
    assert findings["cameras"][0].fix == "run the doctor with sudo to see it"


@pytest.mark.parametrize(
    ("fault", "fix"),
    [
        (CameraUnsupported("Picamera2 cannot be imported (No module named 'picamera2')"), "sudo apt install"),
        (CameraError("looking for cameras took longer than 60 s"), "rpicam-hello --list-cameras"),
    ],
)
def test_cameras_that_cannot_be_listed_are_wrong(fault: CameraError, fix: str) -> None:
    """The finding has the reason."""
    findings = examine(FakeHost(settings="cam0_fps=20\n", connected=fault))
    assert wrongs(findings)["cameras"] == [str(fault)]
    assert findings["cameras"][0].fix.startswith(fix)


def test_a_raspberry_pi_5_taken_for_an_older_one() -> None:
    """It is wrong if the user may open every device, else a note that sudo is needed."""
    fault = CameraUnsupported("Picamera2 takes this Raspberry Pi 5 for an older one, because ...")
    assert "cameras" in wrongs(examine(deployed(connected=fault)))
    nodes = {"/dev/video0": device(can_open=False)}
    [finding] = examine(deployed(connected=fault, nodes=nodes))["cameras"]
    assert (finding.level, finding.fix) == ("note", "run the doctor with sudo to see it")


def test_our_unit_uses_its_camera() -> None:
    """That is as it should be."""
    held = [UsedCamera("rp1-cfe-csi2_ch0", "/dev/video0", "soft-stream (pid 4711)")]
    [finding] = examine(deployed(held=held))["camera users"]
    assert str(finding.level) == "ok"
    assert finding.what.endswith("camera-soft-cam@0.service")


def test_another_program_that_uses_a_camera_is_named() -> None:
    """The fix is the command that stops it."""
    held = [UsedCamera("rp1-cfe-csi2_ch0", "/dev/video0", "rpicam-hello (pid 4199999)")]
    [finding] = examine(deployed(held=held))["camera users"]
    assert finding.level == "note"
    assert "rpicam-hello (pid 4199999)" in finding.what
    assert "kill 4199999" in finding.fix


def test_only_root_sees_all_programs() -> None:
    """The finding says so to other users."""
    assert "run the doctor with sudo to see it" in examine(deployed())["camera users"][0].what
    assert "sudo" not in examine(deployed(is_root=True))["camera users"][0].what


def test_on_a_laptop_with_the_test_pattern_nothing_is_wrong() -> None:
    """Checks that do not apply yield no finding: there is no systemd, nginx, Picamera2, log or device."""
    findings = examine(FakeHost(settings="cam0_source=test-pattern\n"))
    assert wrongs(findings) == {}
    assert set(findings) == {"settings", "access", "service"}


def test_settings_without_a_camera() -> None:
    """With Picamera2 the cameras are listed with their lines, else there is nothing to find."""
    findings = examine(FakeHost())
    assert wrongs(findings) == {}
    assert "no camera is configured" in findings["settings"][0].what
    webcam = CameraInfo("/base/scb/usb@0,0-1.4:1.0-046d:0825", "C270", usb=True)
    host = deployed(settings="", connected=[webcam], commands={"systemctl show": shown(ActiveState="inactive")})
    assert examine(host)["cameras"][0].fix.endswith(f"cam0_id={webcam.id}")


def test_wrong_settings_are_findings() -> None:
    """Each error is a finding; the other checks run."""
    findings = examine(deployed(settings="cam0_fps=fast\ncam0_prot=1\n"))
    assert len(wrongs(findings)["settings"]) == 2
    assert "did you mean cam0_port?" in " ".join(wrongs(findings)["settings"])
    assert "units" in findings


def test_settings_that_only_root_may_read_are_no_fault() -> None:
    """The finding says so, and checks that do not need the settings run."""

    class Locked(FakeHost):
        def load(self, file: Path | None) -> LoadedConfig:
            raise SettingsError([f"{INSTALLED_FILE}: cannot be read: Permission denied"])

    locked = Locked(**vars(deployed(connected=[])))
    findings = examine(locked)
    assert wrongs(findings) == {}
    assert (findings["settings"][0].level, findings["settings"][0].fix) == (
        "note",
        "run the doctor with sudo to see it",
    )
    assert "units" in findings
