"""The Exif data of a still."""

import io
from datetime import datetime

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from soft_stream.frames.exif import add_exif
from soft_stream.frames.raw import FrameMetadata
from tests.support.server import Portal

CAPTURED_AT = 1795234761.387438
SIZE = (32, 16)


def jpeg() -> bytes:
    """Return a small JPEG."""
    picture = io.BytesIO()
    Image.new("RGB", SIZE, (200, 100, 50)).save(picture, "JPEG")
    return picture.getvalue()


def read_tags(picture: bytes) -> tuple[Image.Exif, dict[int, object]]:
    """Return the Exif tags of a JPEG."""
    exif = Image.open(io.BytesIO(picture)).getexif()
    return exif, dict(exif.get_ifd(IFD.Exif))


def test_all_metadata() -> None:
    """The tags have the time in milliseconds with its zone, exposure, gain as ISO, distance, model, program."""
    exif, details = read_tags(add_exif(jpeg(), SIZE, CAPTURED_AT, FrameMetadata(1 / 125, 2.5, 2.0), "imx708"))
    taken = datetime.fromtimestamp(CAPTURED_AT).astimezone()
    assert exif[Base.Software] == "camera-soft-stream"
    assert exif[Base.Model] == "imx708"
    assert exif[Base.DateTime] == details[Base.DateTimeOriginal] == taken.strftime("%Y:%m:%d %H:%M:%S")
    assert details[Base.SubsecTimeOriginal] == "387"
    assert details[Base.OffsetTimeOriginal] == taken.isoformat()[-6:]
    assert details[Base.ExposureTime] == pytest.approx(1 / 125)
    assert details[Base.ISOSpeedRatings] == 250
    assert details[Base.SubjectDistance] == pytest.approx(0.5)


def test_the_tags_that_the_standard_demands() -> None:
    """Each JPEG with Exif data says how its components and colours are stored, and its size."""
    exif, details = read_tags(add_exif(jpeg(), SIZE, CAPTURED_AT, FrameMetadata(), ""))
    assert (exif[Base.XResolution], exif[Base.YResolution], exif[Base.ResolutionUnit]) == (72, 72, 2)
    assert exif[Base.YCbCrPositioning] == 1
    assert (details[Base.ExifImageWidth], details[Base.ExifImageHeight]) == SIZE
    assert details[Base.ComponentsConfiguration] == b"\1\2\3\0"
    assert details[Base.ColorSpace] == 1
    assert details[Base.FlashPixVersion] == b"0100"


def test_missing_metadata() -> None:
    """Without metadata there are only the time and the program; a lens at infinity has no distance."""
    for metadata in (FrameMetadata(), FrameMetadata(lens_position=0.0)):
        exif, details = read_tags(add_exif(jpeg(), SIZE, CAPTURED_AT, metadata, ""))
        assert Base.Model not in exif
        assert not {Base.ExposureTime, Base.ISOSpeedRatings, Base.SubjectDistance} & set(details)


@pytest.mark.parametrize(
    "metadata", [FrameMetadata(0.0, 0.0), FrameMetadata(600.0, 1000.0, 1e-9), FrameMetadata(1e-6, 0.5, 40.0)]
)
def test_extremes(metadata: FrameMetadata) -> None:
    """Extreme values still make a readable JPEG."""
    exif, _ = read_tags(add_exif(jpeg(), SIZE, CAPTURED_AT, metadata, "x" * 1000))
    assert exif[Base.Software] == "camera-soft-stream"


def test_the_jpeg_is_unchanged_and_has_one_begin_and_one_end() -> None:
    """There is no thumbnail: clients that search for begin and end markers find one whole JPEG."""
    plain = jpeg()
    picture = add_exif(plain, SIZE, CAPTURED_AT, FrameMetadata(1 / 125, 2.5, 2.0), "imx708")
    assert picture.count(b"\xff\xd8") == picture.count(b"\xff\xd9") == 1
    assert picture.endswith(plain[2:])
    exif, _ = read_tags(picture)
    assert not exif.get_ifd(IFD.IFD1)


async def test_stills_have_it_and_frames_do_not(portal: Portal) -> None:
    """A full-size snapshot has Exif data, frames of the stream have none."""
    async with portal.http.get("/snapshot.jpg?size=full") as answer:
        exif, details = read_tags(await answer.read())
        assert exif[Base.Model] == "test pattern"
        assert details[Base.ExposureTime] == pytest.approx(0.004)
        taken = datetime.fromtimestamp(float(answer.headers["X-Timestamp"])).astimezone()
        assert exif[Base.DateTime] == taken.strftime("%Y:%m:%d %H:%M:%S")
    async with portal.http.get("/snapshot.jpg?size=stream") as answer:
        assert not read_tags(await answer.read())[0]
