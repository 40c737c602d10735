"""The plugins of mjpg-streamer that `/program.json` names."""

import pytest

from soft_stream.config.source_settings import SOURCES
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
