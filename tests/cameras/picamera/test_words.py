"""Functions of the Picamera2 driver that need no camera: ids, error messages, the end of a JPEG."""

import pytest

from soft_stream.cameras.base import CameraError, CameraInfo, CameraMissing
from soft_stream.cameras.identity import select_camera
from soft_stream.cameras.picamera.library import is_usb, translate_errors

CAM0 = CameraInfo("/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a", "imx708_wide")
CAM1 = CameraInfo("/base/axi/pcie@1000120000/rp1/i2c@80000/imx708@1a", "imx708_wide")


@pytest.mark.parametrize(
    ("camera_id", "usb"),
    [
        (CAM0.id, False),
        ("/base/soc/i2c0mux/i2c@1/imx219@10", False),
        ("/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.4:1.0-046d:0825", True),
        ("/base/axi/pcie@1000120000/rp1/usb@300000-1:1.0-046d:0825", True),
        (r"\_SB_.PCI0.S18_-2:1.0-1d6b:0102", True),
    ],
)
def test_usb_cameras_are_recognized_by_their_id(camera_id: str, usb: bool) -> None:
    """The end of an id shows whether it is from uvcvideo, on every board."""
    assert is_usb(camera_id) is usb


def test_a_camera_is_chosen_by_its_id_whatever_its_place() -> None:
    """The id decides, not the order; without an id the order decides."""
    assert select_camera([CAM0, CAM1], CAM1.id, 0) == (CAM1, "")
    assert select_camera([CAM1, CAM0], "", 1)[0] is CAM1


@pytest.mark.parametrize(
    ("wanted", "number", "sentence"),
    [
        ("/base/none", 0, f"camera /base/none is not connected; connected: {CAM0.id}"),
        ("", 1, f"camera number 1 (counted from 0) is not connected; connected: {CAM0.id}"),
    ],
)
def test_the_error_of_a_missing_camera_lists_the_connected_ones(wanted: str, number: int, sentence: str) -> None:
    """The message has the requested camera and all connected ids."""
    with pytest.raises(CameraMissing) as missing:
        select_camera([CAM0], wanted, number)
    assert str(missing.value) == sentence


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        (RuntimeError('No camera number 2 found - use "rpicam-hello"'), CameraMissing, "No camera number 2 found"),
        (IndexError("list index out of range"), CameraMissing, "list index out of range"),
        (RuntimeError("Failed to start camera: No such device"), CameraMissing, "No such device"),
        (PermissionError(13, "Permission denied", "/dev/dma_heap/vidbuf_cached"), CameraError, "vidbuf_cached"),
        (KeyError("AfState"), CameraError, "AfState"),
        (StopIteration(), CameraError, "StopIteration"),
    ],
)
def test_faults_become_sentences(fault: Exception, kind: type[CameraError], sentence: str) -> None:
    """Each exception becomes a CameraError with its reason; Picamera2 up to 0.3.36 raises an IndexError."""
    with pytest.raises(CameraError) as raised, translate_errors("the camera cannot be opened"):
        raise fault
    assert type(raised.value) is kind
    assert str(raised.value).startswith("the camera cannot be opened: ")
    assert sentence in str(raised.value)


def test_the_reason_is_in_the_cause_of_the_cause() -> None:
    """Picamera2 wraps libcamera's exceptions, twice during initialization; the message has the innermost reason."""
    reason = RuntimeError("Camera(s) not found (Do not forget to disable legacy camera with raspi-config).")
    outer, outermost = RuntimeError("Failed to initialize camera"), RuntimeError("Camera __init__ sequence failed")
    outer.__cause__, outermost.__cause__ = reason, outer
    with pytest.raises(CameraMissing, match="not found"), translate_errors("the camera cannot be opened"):
        raise outermost
