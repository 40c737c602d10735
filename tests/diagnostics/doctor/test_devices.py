"""The devices of source=v4l2."""

from tests.diagnostics.doctor.stand_in import deployed, device, examine, wrongs

PATH = "/dev/v4l/by-id/usb-Webcam-video-index0"
SETTINGS = f"cam_source=v4l2\ncam0_device={PATH}\n"


def test_a_device_is_there() -> None:
    """It is named; libcamera's cameras are not looked for."""
    findings = examine(deployed(settings=SETTINGS, nodes={PATH: device()}))
    assert [(each.level, each.what) for each in findings["devices"]] == [("ok", f"camera 0 is {PATH}")]
    assert "cameras" not in findings


def test_a_device_is_missing() -> None:
    """It is wrong, with the command that lists the devices."""
    findings = examine(deployed(settings=SETTINGS, nodes={}))
    assert wrongs(findings)["devices"] == [f"{PATH} does not exist"]
    assert "soft-stream cameras --source v4l2" in findings["devices"][0].fix


def test_the_service_may_not_open_it() -> None:
    """The group of the device decides."""
    findings = examine(deployed(settings=SETTINGS, nodes={PATH: device("plugdev")}))
    assert wrongs(findings)["devices"] == [f"camera-soft-stream may not open {PATH}"]


def test_names_that_can_change() -> None:
    """A number, or no device at all, is a note."""
    for line, about in (("cam0_device=/dev/video0\n", "camera 0 is /dev/video0"), ("cam0_name=A\n", "the first V4L2")):
        settings = f"cam_source=v4l2\n{line}"
        [finding] = examine(deployed(settings=settings, nodes={"/dev/video0": device()}))["devices"]
        assert finding.level == "note"
        assert about in finding.what
