"""Which format, size and rate of a device the settings select."""

import os
from fractions import Fraction
from pathlib import Path

import pytest

from soft_stream.cameras.v4l2 import formats, kernel
from soft_stream.cameras.v4l2.device import Format
from soft_stream.cameras.v4l2.formats import Choice
from tests.cameras.v4l2.fake_kernel import Node, Rates, install

Sizes = dict[str, dict[tuple[int, ...], Rates]]
FAST: Rates = [(1, 30), (1, 20), (1, 15), (1, 5)]
WEBCAM: Sizes = {
    "YUYV": {(640, 480): FAST, (1280, 720): [(1, 10)], (1920, 1080): [(1, 5)]},
    "MJPG": {(640, 480): FAST, (1280, 720): FAST, (1920, 1080): FAST},
}


def select(
    monkeypatch: pytest.MonkeyPatch, root: Path, offered: Sizes, size: tuple[int, int], fps: float
) -> tuple[str, tuple[int, int], Fraction]:
    """Return the format, size and interval that are selected of those of a device."""
    install(monkeypatch, root, {0: Node(formats=offered)})
    descriptor = os.open(root / "dev/video0", os.O_RDWR)
    try:
        fourccs = [each for each in formats.list_fourccs(descriptor) if each in formats.READABLE]
        choice: Choice = formats.select_format(descriptor, fourccs, size, fps)
    finally:
        os.close(descriptor)
    return choice.name, choice.size, choice.interval


@pytest.mark.parametrize(
    ("size", "fps", "expected"),
    [
        ((1280, 720), 30.0, ("MJPEG", (1280, 720), Fraction(1, 30))),
        ((1280, 720), 8.0, ("MJPEG", (1280, 720), Fraction(1, 15))),
        ((1296, 736), 30.0, ("MJPEG", (1280, 720), Fraction(1, 30))),
        ((4608, 2592), 60.0, ("MJPEG", (1920, 1080), Fraction(1, 30))),
        ((320, 200), 1.0, ("MJPEG", (640, 480), Fraction(1, 5))),
    ],
)
def test_the_nearest_size_and_rate(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    size: tuple[int, int],
    fps: float,
    expected: tuple[str, tuple[int, int], Fraction],
) -> None:
    """The nearest size; the lowest rate that is enough, or the highest; a JPEG is passed through."""
    assert select(monkeypatch, tmp_path, WEBCAM, size, fps) == expected


def test_a_format_that_has_the_size_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A camera with JPEGs of other sizes delivers the size of the settings in another format."""
    offered: Sizes = {"MJPG": {(1920, 1080): FAST}, "NV12": {(640, 480): FAST}}
    assert select(monkeypatch, tmp_path, offered, (640, 480), 30.0)[:2] == ("NV12", (640, 480))


def test_a_format_that_is_fast_enough_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of two formats with the size, the one with the rate is selected."""
    offered: Sizes = {"YU12": {(640, 480): [(1, 5)]}, "YUYV": {(640, 480): FAST}}
    assert select(monkeypatch, tmp_path, offered, (640, 480), 30.0)[0] == "YUYV"
    assert select(monkeypatch, tmp_path, offered, (640, 480), 5.0)[0] == "YUV420"


def test_ranges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A virtual camera has ranges of sizes and intervals with steps."""
    offered: Sizes = {"YUYV": {(48, 1920, 16, 32, 1080, 8): [(1, 60), (1, 1), (1, 60)]}}
    assert select(monkeypatch, tmp_path, offered, (1000, 601), 25.0) == ("YUYV", (1008, 600), Fraction(1, 25))
    assert select(monkeypatch, tmp_path, offered, (4000, 10), 100.0) == ("YUYV", (1920, 32), Fraction(1, 60))


def test_a_driver_that_lists_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is asked for what the settings say."""
    assert select(monkeypatch, tmp_path, {"MJPG": {}}, (640, 480), 12.5) == ("MJPEG", (640, 480), Fraction(2, 25))


def test_odd_sizes_are_only_for_jpegs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Planes have half as many rows and columns of colour."""
    offered: Sizes = {"YUYV": {(641, 481): FAST, (320, 240): FAST}}
    assert select(monkeypatch, tmp_path, offered, (640, 480), 30.0)[1] == (320, 240)
    offered = {"MJPG": {(641, 481): FAST}}
    assert select(monkeypatch, tmp_path, offered, (640, 480), 30.0)[1] == (641, 481)


@pytest.mark.parametrize(
    ("colour_space", "encoding", "quantization", "limited", "matrix"),
    [
        (0, 0, 0, True, "601"),
        (8, 0, 0, True, "601"),
        (8, 0, 1, False, "601"),
        (7, 0, 0, False, "601"),
        (7, 0, 2, True, "601"),
        (3, 0, 0, True, "709"),
        (8, 2, 0, True, "709"),
        (3, 1, 0, True, "601"),
    ],
)
def test_colours(colour_space: int, encoding: int, quantization: int, *, limited: bool, matrix: str) -> None:
    """What the driver leaves open is as V4L2 says."""
    got = Format((640, 480), kernel.fourcc("YUYV"), 1280, 614400, colour_space, encoding, quantization)
    colours = formats.colours_of(got, "YUYV")
    assert (colours.limited, colours.matrix) == (limited, matrix)


@pytest.mark.parametrize(
    ("name", "stride", "expected", "least"),
    [
        ("YUYV", 0, 1280, 614_400),
        ("YUYV", 1536, 1536, 737_024),
        ("NV12", 640, 640, 460_800),
        ("YUV420", 768, 768, 552_832),
        ("R8", 640, 640, 307_200),
    ],
)
def test_strides(name: str, stride: int, expected: int, least: int) -> None:
    """Rows may be longer than the picture is wide; the last one may end with the picture."""
    got = Format((640, 480), 0, stride, 0, 0, 0, 0)
    assert (formats.stride_of(got, name), formats.length_of(got, name)) == (expected, least)
