"""The segments of a camera's own JPEG that clients misread: removed, wherever they are."""

import pytest

from soft_stream.frames.jpeg_markers import APP1, complete, find_jpeg
from tests.support import jpegs

APP0, APP2, APP13, APP14, COM = 0xE0, 0xE2, 0xED, 0xEE, 0xFE
PLAIN = jpegs.save(jpegs.picture())
COMMENTED = jpegs.insert(PLAIN, COM, b"the comment of the camera")
SOF, DQT = 0xC0, 0xDB


def walk(data: bytes) -> bytes:
    """Return the bytes that are sent of the bytes of a camera."""
    return complete(data, find_jpeg(data))


def insert_before(jpeg: bytes, marker: int, segment_marker: int, payload: bytes) -> bytes:
    """Insert a segment in front of the first one of a kind."""
    at = jpeg.index(bytes((0xFF, marker)))
    return jpeg[:at] + jpegs.insert(b"\xff\xd8", segment_marker, payload)[2:] + jpeg[at:]


@pytest.mark.parametrize(
    ("marker", "payload"),
    [
        (APP1, b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
        (APP1, b"Exif\0\0 no directory"),
        (APP1, b"Exif\0\0 with a \xff\xd8 thumbnail \xff\xd9"),
        (APP0, b"JFXX\0\x10\xff\xd8 thumbnail \xff\xd9"),
        (APP13, b"Photoshop 3.0\x008BIM \xff\xd8 thumbnail \xff\xd9"),
        (COM, b"a comment with \xff\xd9"),
    ],
    ids=["Exif", "damaged Exif", "Exif thumbnail", "JFXX thumbnail", "Photoshop thumbnail", "comment"],
)
def test_exif_data_and_thumbnails_are_removed(marker: int, payload: bytes) -> None:
    """The rest stays as the camera sent it, byte for byte; an added EOI or two segments make no difference."""
    for rest in (PLAIN, COMMENTED):
        own = jpegs.insert(rest, marker, payload)
        assert walk(own) == rest
        assert walk(own[:-2]) == rest
        assert walk(jpegs.insert(own, marker, payload)) == rest
    for before in (DQT, SOF):
        assert walk(insert_before(PLAIN, before, marker, payload)) == PLAIN


@pytest.mark.parametrize(
    ("marker", "payload"),
    [
        (APP0, b"AVI1\0\0\0\0"),
        (APP1, b"http://ns.adobe.com/xap/1.0/\0 text"),
        (APP2, b"ICC_PROFILE\0\1\1\xff\xd9"),
        (APP14, b"Adobe\0d\0\0\0\0\xff\xd9\1"),
    ],
    ids=["AVI1", "XMP", "ICC", "Adobe"],
)
def test_what_harms_no_client_stays(marker: int, payload: bytes) -> None:
    """Other data is kept, above all the colour profile and the transformation of the colours."""
    own = jpegs.insert(PLAIN, marker, payload)
    assert walk(own) == own
