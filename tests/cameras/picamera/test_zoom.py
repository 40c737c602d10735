"""The zoom for everybody on cameras that Picamera2 supports: the stream has it, full-size stills where they must."""

from typing import Any

import pytest

from soft_stream.capture.requests import SnapshotRequest, SnapshotSize
from soft_stream.capture.snapshots import take
from soft_stream.capture.status import State
from soft_stream.frames.zoom import Part
from tests.cameras.picamera.common import (
    DUAL,
    MARKS,
    SOON,
    captured,
    captured_until,
    in_state,
    living,
    opened,
    picture_of,
    snapshot,
    still_of,
    watching,
)
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.plain import red_share

pytestmark = MARKS
FULL = (4608, 2592)
WHOLE = (0, 0, *FULL)
ZOOM = (1152, 648, 2304, 1296)
SWITCH = {"snapshot_width": 0, "snapshot_height": 0, "still_method": "switch"}


@pytest.mark.parametrize(("boards", "settings"), [("pi5", {}), ("pi5", SWITCH), ("pi4", SWITCH)])
def test_full_size_stills_show_the_whole_view(boards: str, settings: dict[str, Any]) -> None:
    """Beside the stream on a Raspberry Pi 5, and by another mode on all boards; the stream has the zoom again."""
    enable(boards).camera("cam0")
    with opened(DUAL, **settings) as (camera, negotiated):
        assert negotiated.still_method == settings.get("still_method", "dual")
        captured(camera, 3)
        camera.set_zoom(ZOOM)
        for _ in range(2):
            captured_until(camera, lambda raw: raw.metadata.crop == ZOOM)
            assert red_share(picture_of(captured(camera))) == 0  # the corners are outside
            still = still_of(camera)
            assert still.metadata.crop == WHOLE
            assert red_share(picture_of(still)) > 0
        camera.set_zoom(None)
        captured_until(camera, lambda raw: raw.metadata.crop == WHOLE)
        assert red_share(picture_of(captured(camera))) > 0


def test_one_crop_for_both_streams_shows_it_in_stills_too() -> None:
    """Boards before the Raspberry Pi 5 have the same view in both streams; the metadata says what a still shows."""
    enable("pi4").camera()
    with opened(DUAL) as (camera, negotiated):
        assert negotiated.still_method == "dual"
        camera.set_zoom(ZOOM)
        captured_until(camera, lambda raw: raw.metadata.crop == ZOOM)
        assert still_of(camera).metadata.crop == ZOOM


def test_a_restart_keeps_it_and_a_new_session_does_not() -> None:
    """The watchdog's restart configures the camera again, which forgets every crop."""
    enable("pi5").camera("cam0")
    with opened() as (camera, _):
        camera.set_zoom(ZOOM)
        captured_until(camera, lambda raw: raw.metadata.crop == ZOOM)
        camera.restart()
        assert captured(camera).metadata.crop == ZOOM
    with opened() as (camera, _):
        assert captured(camera, 12).metadata.crop == WHOLE


@pytest.mark.parametrize("settings", [{}, SWITCH])
def test_it_is_a_part_of_the_crop_that_is_set(settings: dict[str, Any]) -> None:
    """The control ScalerCrop is what stills show, and what the stream shows afterwards."""
    enable("pi5").camera("cam0")
    base, part = (576, 324, 3456, 1944), (1440, 810, 1728, 972)
    with opened(DUAL, **settings) as (camera, _):
        camera.set_controls({"ScalerCrop": base})
        camera.set_zoom(part)
        captured_until(camera, lambda raw: raw.metadata.crop == part)
        assert still_of(camera).metadata.crop == base
        camera.set_zoom(None)
        captured_until(camera, lambda raw: raw.metadata.crop == base)


def test_a_driver_that_loses_the_control_does_no_harm() -> None:
    """A webcam has none, and another mode may have none."""
    enable("usb").camera()
    with opened() as (camera, _):
        camera.set_zoom(ZOOM)
        camera.set_zoom(None)
        assert captured(camera, 3).metadata.crop is None


@pytest.mark.parametrize("size", [(320, 180), (320, 240)])
async def test_the_frames_say_what_they_show(size: tuple[int, int]) -> None:
    """Also where the stream has another shape than the full-size frames beside it, and shows the middle of them."""
    enable("pi5").camera("cam0")
    part = Part(0.1, 0.2, 0.5)
    async with living(DUAL, width=size[0], height=size[1], still_pause=0.0) as source:
        with watching(source) as page:
            await in_state(source, State.STREAMING)
            await source.shared_zoom.ask(part, page)
            shown = None
            while shown is None:
                shown = (await take(source.subscribers, SnapshotRequest(SOON, SnapshotSize.STREAM))).zoom
            assert (shown.x, shown.y, shown.size) == pytest.approx((part.x, part.y, part.size), abs=0.01)
            assert (await snapshot(source)).zoom is None
