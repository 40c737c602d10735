"""The plugins of mjpg-streamer that `/program.json` names."""

import pytest

from soft_stream.config.source_settings import SOURCES
from soft_stream.web.compat.mjpg_streamer import get_control_id
from tests.support.server import StartPortal

WEBCAM = "/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.1:1.0-046d:0825"
INPUTS = {
    "picamera": "input_raspicam.so",
    "test-pattern": "input_testpicture.so",
    "folder": "input_file.so",
    "http": "input_http.so",
    "v4l2": "input_uvc.so",
    "media": "input_opencv.so",
    "gphoto": "input_ptp2.so",
}


@pytest.mark.parametrize("source", SOURCES)
async def test_the_input_of_each_source(start_portal: StartPortal, source: str) -> None:
    """Each source has the name of the plugin that reads from the same."""
    portal = await start_portal(source=source, folder="/srv", url="http://10.0.0.5/")
    async with portal.http.get("/program.json") as answer:
        (given,) = (await answer.json())["inputs"]
    assert given["plugin"] == INPUTS[source]


async def test_a_webcam_of_libcamera(start_portal: StartPortal) -> None:
    """A USB camera is one of `input_uvc.so` with either driver."""
    portal = await start_portal(source="picamera", id=WEBCAM)
    async with portal.http.get("/program.json") as answer:
        (given,) = (await answer.json())["inputs"]
    assert given["plugin"] == "input_uvc.so"


async def test_the_outputs(start_portal: StartPortal) -> None:
    """What saves and publishes frames is an output, too; nothing of its folder and its address is shown."""
    portal = await start_portal(save="/srv/frames", zmq="tcp://127.0.0.1:5555")
    async with portal.http.get("/program.json") as answer:
        text = await answer.text()
        outputs = (await answer.json())["outputs"]
    assert [each["plugin"] for each in outputs] == ["output_http.so", "output_file.so", "output_zmqserver.so"]
    assert "/srv" not in text
    assert "5555" not in text


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("brightness", 0x00980900),  # V4L2_CID_BRIGHTNESS
        ("power_line_frequency", 0x00980918),  # V4L2_CID_POWER_LINE_FREQUENCY
        ("exposure_time_absolute", 0x009A0902),  # V4L2_CID_EXPOSURE_ABSOLUTE
        ("focus_automatic_continuous", 0x009A090C),  # V4L2_CID_FOCUS_AUTO
        ("zoom_absolute", 0x009A090D),  # V4L2_CID_ZOOM_ABSOLUTE
    ],
)
def test_the_ids_of_a_webcam_s_controls(name: str, number: int) -> None:
    """What a client has stored for a webcam of mjpg-streamer has the same ids here."""
    assert get_control_id(name) == number
