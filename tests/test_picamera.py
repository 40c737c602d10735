"""What can be told of real cameras without one: ids, and what is left of a webcam's JPEG."""

import pytest

from soft_stream.cameras import CameraMissing, Found
from soft_stream.cameras.identity import choose
from soft_stream.cameras.picamera.library import is_usb
from soft_stream.cameras.picamera.request import trimmed

CAM0 = Found("/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a", "imx708_wide")
CAM1 = Found("/base/axi/pcie@1000120000/rp1/i2c@80000/imx708@1a", "imx708_wide")


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
def test_usb_cameras_are_told_by_their_id(camera_id: str, usb: bool) -> None:
    """The end of an id says whether uvcvideo made it, on a Pi and elsewhere."""
    assert is_usb(camera_id) is usb


def test_a_camera_is_chosen_by_its_id_whatever_its_place() -> None:
    """The id counts, not the order; without one the order does."""
    assert choose([CAM0, CAM1], CAM1.id, 0) == (CAM1, "")
    assert choose([CAM1, CAM0], "", 1)[0] is CAM1


@pytest.mark.parametrize(
    ("wanted", "number", "sentence"),
    [
        ("/base/none", 0, f"camera /base/none is not connected; connected: {CAM0.id}"),
        ("", 1, f"camera number 1 (counted from 0) is not connected; connected: {CAM0.id}"),
    ],
)
def test_a_missing_camera_is_told_with_those_that_are_there(wanted: str, number: int, sentence: str) -> None:
    """The message names what was meant, and lists every id."""
    with pytest.raises(CameraMissing) as missing:
        choose([CAM0], wanted, number)
    assert str(missing.value) == sentence


@pytest.mark.parametrize(
    ("delivered", "kept"),
    [
        (b"\xff\xd8 picture \xff\xd9", b"\xff\xd8 picture \xff\xd9"),
        (b"\xff\xd8 picture \xff\xd9\0\0\0\0", b"\xff\xd8 picture \xff\xd9"),
        (b"\xff\xd8 cut of", b""),
        (b"\0\0 noise \xff\xd9", b""),
        (b"", b""),
    ],
)
def test_a_webcams_jpeg_is_trimmed_to_its_end(delivered: bytes, kept: bytes) -> None:
    """What lies behind the end of a JPEG goes; what is no whole JPEG goes altogether."""
    assert trimmed(delivered) == kept
