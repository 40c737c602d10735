"""The driver of source=v4l2 with the guest's kernel: its virtual USB cameras, and its module vivid."""

import json
from typing import Any

import pytest

from tests.end_to_end.lab.guest import Guest
from tests.end_to_end.lab.test_lab import link
from tests.support.checkout import ROOT

pytestmark = pytest.mark.timeout(1800)

PLACE = "/opt/v4l2"
PROBE = f"cd {PLACE} && exec /opt/picam/bin/python probe.py"
# the 75 % bars of vivid: white, yellow, cyan, green, magenta, red, blue, black
VIVID_BARS = [
    [191, 191, 191], [191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191], [0, 0, 0],
]  # fmt: skip
LEVELS = 10


@pytest.fixture(scope="module")
def equipped(guest: Guest) -> Guest:
    """Return a guest with the driver, without the rest of the server."""
    guest.put(ROOT / "soft_stream", f"{PLACE}/soft_stream")
    guest.put(ROOT / "tests/end_to_end/lab/v4l2_probe.py", f"{PLACE}/probe.py")
    return guest


@pytest.fixture(scope="module")
def vivid(equipped: Guest) -> str:
    """Load vivid in the guest; return the path of its camera."""
    if equipped.run("modprobe vivid n_devs=1 node_types=0x1", check=False).returncode:
        pytest.skip("the kernel of the guest has no module vivid")
    find = "grep -l vivid /sys/class/video4linux/video*/name | head -1 | xargs dirname | xargs basename"
    return f"/dev/{equipped.output(find)}"


def probe(guest: Guest, device: str, *words: str) -> dict[str, Any]:
    """Open a device in the guest, and return what was negotiated and seen."""
    facts: dict[str, Any] = json.loads(guest.output(f"{PROBE} {device} {' '.join(words)}").splitlines()[-1])
    return facts


def follow(guest: Guest, camera: int) -> None:
    """Start to follow a camera in the guest."""
    log = f"{PLACE}/log{camera}"
    guest.run(f"({PROBE} {link(camera)} follow=1 >{log} 2>&1 </dev/null & echo $! >{log}.pid)")
    until_state(guest, camera, "live")


def until_state(guest: Guest, camera: int, state: str) -> None:
    """Wait until the last line of a followed camera has a state."""
    guest.until(f"tail -1 {PLACE}/log{camera} | grep '\"{state}\"' || (cat {PLACE}/log{camera}; exit 1)")


def test_both_cameras_are_found_by_their_stable_paths(equipped: Guest) -> None:
    """Links by id and by port lead to the right one of two cameras of the same kind, whose JPEGs are passed through."""
    for camera, is_blue in ((0, True), (1, False)):
        by_path = f"find -L /dev/v4l/by-path -samefile {link(camera)} | head -1"
        for device in (link(camera), equipped.output(by_path)):
            seen = probe(equipped, device, "width=640", "height=480")
            assert seen["model"].startswith(f"Lab camera {camera}")
            assert (seen["format"], seen["size"], seen["is_own"]) == ("MJPEG", [640, 480], True)
            red, _, blue = seen["bars"][0]
            assert (blue > red) == is_blue


@pytest.mark.parametrize("pixel_format", ["yuyv", "yuv420"])
def test_the_formats_of_a_usb_camera(equipped: Guest, pixel_format: str) -> None:
    """Uncompressed frames have the colours of the JPEGs."""
    jpegs = probe(equipped, link(0), "width=640", "height=480")
    seen = probe(equipped, link(0), "width=640", "height=480", f"pixel_format={pixel_format}")
    assert (seen["format"].lower(), seen["is_own"]) == (pixel_format, False)
    for ours, own in zip(seen["bars"], jpegs["bars"], strict=True):
        assert ours == pytest.approx(own, abs=LEVELS)


def test_controls_of_a_usb_camera(equipped: Guest) -> None:
    """All that v4l2-ctl lists can be set; the camera keeps what was set."""
    seen = probe(equipped, link(0))
    brightness = seen["controls"]["brightness"]
    probe(equipped, link(0), f"set:brightness={brightness[2]}")
    assert equipped.output(f"v4l2-ctl -d {link(0)} -C brightness") == f"brightness: {brightness[2]}"


def test_cameras_vanish_and_freeze(equipped: Guest) -> None:
    """A camera that is pulled out and one that freezes come back; each leaves the other one alone."""
    follow(equipped, 0)
    follow(equipped, 1)
    equipped.unplug(0)
    until_state(equipped, 0, "CameraMissing")
    equipped.freeze(1)
    until_state(equipped, 1, "NoFrame")
    equipped.thaw(1)
    until_state(equipped, 1, "live")
    equipped.plug(0)
    until_state(equipped, 0, "live")
    equipped.run(f"kill $(cat {PLACE}/log0.pid {PLACE}/log1.pid)")


@pytest.mark.parametrize("pixel_format", ["yuyv", "uyvy", "nv12", "yuv420"])
def test_the_formats_of_vivid(equipped: Guest, vivid: str, pixel_format: str) -> None:
    """Its colour bars have their colours in each format."""
    seen = probe(equipped, vivid, "width=640", "height=480", f"pixel_format={pixel_format}")
    assert (seen["format"].lower(), seen["size"]) == (pixel_format, [640, 480])
    for bar, expected in zip(seen["bars"], VIVID_BARS, strict=True):
        assert bar == pytest.approx(expected, abs=LEVELS)


def test_grey_and_controls_of_vivid(equipped: Guest, vivid: str) -> None:
    """The bars get darker to the right, without colour; a control changes the picture."""
    grey = probe(equipped, vivid, "width=640", "height=480", "pixel_format=r8")["bars"]
    assert all(max(bar) - min(bar) <= 2 for bar in grey)
    assert sorted(grey, reverse=True) == grey
    listed = probe(equipped, vivid)["controls"]
    assert listed["brightness"][0] == "int"
    assert len(listed) > 20
    darker = probe(equipped, vivid, "width=640", "height=480", "pixel_format=yuyv", "set:brightness=64")["bars"]
    assert darker[0][0] < VIVID_BARS[0][0] - 30
    probe(equipped, vivid, "set:brightness=128")
