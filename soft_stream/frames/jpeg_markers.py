"""The markers of a JPEG (ITU-T T.81, annex B): where it begins and ends, its size, and what its headers lack.

In image data, FF is followed by 00, by a restart marker, or by FF before a marker. So the next marker is found by one
search, and nothing is decoded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from soft_stream.frames.exif import EXIF_HEADER, read_orientation
from soft_stream.frames.huffman_tables import STANDARD_TABLES, defined_tables, huffman_segment
from soft_stream.frames.raw import UPRIGHT, Orientation
from soft_stream.message import Message

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
START = b"\xff\xd8\xff"
MARKER_IN_DATA = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# the second bytes of markers
DHT, JPG, DAC, RST0, SOI_, EOI_, SOS, DNL = 0xC4, 0xC8, 0xCC, 0xD0, 0xD8, 0xD9, 0xDA, 0xDC
APP0, APP1, APP2, APP14, APP15, COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {DHT, JPG, DAC}
SEQUENTIAL_HUFFMAN = (0xC0, 0xC1)
PROGRESSIVE = (0xC2, 0xCA)
ARITHMETIC = range(0xC9, 0xD0)
WHOLE_BLOCKS = b"\0\x3f\0"
"""The last three bytes of a sequential scan's header: from the first coefficient to the last one, all bits."""
ADOBE, COLOUR_PROFILE = b"Adobe", b"ICC_PROFILE"
MULTI_PICTURE = b"MPF\0"
"""The first bytes of an APP2 segment if other images follow the JPEG on purpose (CIPA DC-007)."""

EMPTY = Message("jpeg_empty", "empty")
NOT_A_JPEG = Message("jpeg_not", "not a JPEG")
BAD_HEADERS = Message("jpeg_bad_headers", "headers cut off or damaged")
NO_SIZE = Message("jpeg_no_size", "width or height 0")
NO_DATA = Message("jpeg_no_data", "no image data, or almost none")
BAD_DATA = Message("jpeg_bad_data", "image data damaged")
CUT_OFF = Message("jpeg_cut_off", "cut off")
NO_END = Message("jpeg_no_end", "cut off before the end marker (EOI)")


class DamagedJpeg(ValueError):
    """The bytes are not a whole JPEG; the message is one of a few phrases, so that they can be counted."""


@dataclass(slots=True)
class Markers:
    """What the markers of a JPEG in a string of bytes say; all positions are offsets in these bytes."""

    begin: int
    scan: int = 0
    """Where SOS is."""
    end: int | None = None
    """Behind EOI; None if there is none."""
    next_begin: int | None = None
    """Where another JPEG begins inside the image data."""
    kind: int = 0
    """The second byte of the frame header's marker."""
    size: tuple[int, int] = (0, 0)
    orientation: Orientation = UPRIGHT
    has_exif: bool = False
    is_multi_picture: bool = False
    missing_tables: bytes = b""
    """The DHT segment to insert in front of SOS."""
    header: int = 0
    """Where the content of the frame header is."""
    height_is_late: bool = False
    """Whether the height is not in the frame header, but in a DNL segment behind the image data."""
    unwanted: list[tuple[int, int]] = field(default_factory=list)
    """Where the segments are that clients misread.

    These are Exif data, an index of other images, and thumbnails with an end of their own.
    """
    components: set[int] = field(default_factory=set)
    """The components of which no scan has arrived."""
    tables: set[int] = field(default_factory=set)
    """The Huffman tables that are defined."""


def find_jpeg(data: bytes) -> Markers:
    """Return the JPEG in the bytes that a camera sent as one frame; of several in a row the last whole one.

    The end may be missing.

    Raises:
        DamagedJpeg: the headers or the image data are damaged, or the only JPEG is cut off by the beginning of another.
    """
    if not data.startswith(SOI):
        raise DamagedJpeg(NOT_A_JPEG if data else EMPTY)
    found = _read(data, 0)
    while True:
        if found.next_begin is not None:
            found = _read(data, found.next_begin)
        elif (later := _find_later(data, found)) is not None:
            found = later
        else:
            return found


def complete(data: bytes, jpeg: Markers, *, zeros: int = 0) -> bytes:
    """Return the bytes of a JPEG alone, with the tables, the height and the EOI that it lacks.

    Exif data, thumbnails, and the index of images behind it are left out. Clients would turn a frame once more, would
    take the end of a thumbnail for that of the JPEG, and would look for the other images.

    If EOI is missing, the zeros at the end are taken for padding, except for the first `zeros` of them.
    """
    if jpeg.end is not None and not (jpeg.missing_tables or jpeg.height_is_late or jpeg.unwanted):
        return data[jpeg.begin : jpeg.end]
    headers = data[jpeg.begin : jpeg.scan]
    if jpeg.height_is_late:
        height = jpeg.header - jpeg.begin + 1
        headers = headers[:height] + jpeg.size[1].to_bytes(2, "big") + headers[height + 2 :]
    for begin, end in reversed(jpeg.unwanted):
        headers = headers[: begin - jpeg.begin] + headers[end - jpeg.begin :]
    if jpeg.end is not None:
        return b"".join((headers, jpeg.missing_tables, data[jpeg.scan : jpeg.end]))
    content = data[jpeg.scan :].rstrip(b"\0") + bytes(zeros)
    if content.endswith(b"\xff"):
        content += b"\0"  # it belongs to the byte before
    return b"".join((headers, jpeg.missing_tables, content, EOI))


def make_plain(jpeg: bytes) -> bytes:
    """Return a whole JPEG without what decoders warn about although nothing is missing.

    Drop comments and application data, except for Adobe's, which says what the colours are. Correct the parameters of a
    sequential scan, which some webcams leave 0.
    """
    parts, kind, at = [SOI], 0, 0
    for marker, begin, end in _header_segments(jpeg, 0):
        kind = marker if marker in FRAME_HEADERS else kind
        is_metadata = marker == COM or (APP0 <= marker <= APP15 and marker != APP14)
        if not is_metadata and marker != SOS:
            parts.append(jpeg[begin - 4 : end])
        elif marker == SOS:
            parts += jpeg[begin - 4 : end - 3], jpeg[end - 3 : end] if kind in PROGRESSIVE else WHOLE_BLOCKS
        at = end
    return b"".join((*parts, jpeg[at:]))


def _find_later(data: bytes, found: Markers) -> Markers | None:
    """Return the last whole JPEG behind a whole one; None if there is none, or if it belongs to the first one."""
    if found.end is None or found.is_multi_picture:
        return None
    begin = data.find(START, found.end)
    try:
        while begin >= 0:
            later = _read(data, begin)
            if later.end is not None:
                return later
            begin = -1 if later.next_begin is None else later.next_begin
    except DamagedJpeg:  # the rest is not a JPEG, as behind that of a buffer that is reused
        pass
    return None


def _read(data: bytes, begin: int) -> Markers:
    """Read the markers of the JPEG that begins at an offset."""
    jpeg = Markers(begin)
    for marker, at, end in _header_segments(data, begin):
        is_exif = marker == APP1 and data.startswith(EXIF_HEADER, at)
        is_index = marker == APP2 and data.startswith(MULTI_PICTURE, at)
        if is_exif or is_index or _has_end(data, marker, at, end):
            jpeg.unwanted.append((at - 4, end))
        if marker == SOI_:  # again
            jpeg = Markers(at)
        elif marker in FRAME_HEADERS:
            _read_frame_header(data, jpeg, marker, at, end)
        elif marker == DHT:
            jpeg.tables |= defined_tables(data[at:end])
        elif is_exif and not jpeg.has_exif:  # the first one counts, as in browsers
            jpeg.has_exif, jpeg.orientation = True, read_orientation(data[at:end])
        elif is_index:
            jpeg.is_multi_picture = True
        elif marker == SOS:
            jpeg.scan = at - 4
            _read_scans(data, jpeg, at, end)
    return jpeg


def _has_end(data: bytes, marker: int, at: int, end: int) -> bool:
    """Return whether a segment without a use for decoders contains the bytes of EOI."""
    is_metadata = marker == COM or APP0 <= marker <= APP15
    return is_metadata and data.find(EOI, at, end) >= 0 and not data.startswith((ADOBE, COLOUR_PROFILE), at)


def _header_segments(data: bytes, begin: int) -> Iterator[tuple[int, int, int]]:
    """Yield the second byte of each marker up to SOS, and the offsets of the begin and the end of its content."""
    at, size = begin + 2, len(data)
    marker = 0
    while marker != SOS:
        while at + 3 < size and data[at] == data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if at + 3 >= size or data[at] != 0xFF:
            raise DamagedJpeg(NO_DATA if data[at:] == EOI else BAD_HEADERS)
        marker = data[at + 1]
        if marker == SOI_:
            yield marker, at, at + 2
            at += 2
            continue
        if marker == EOI_:
            raise DamagedJpeg(NO_DATA)
        if marker < 0xC0 or RST0 <= marker < SOI_:
            raise DamagedJpeg(BAD_HEADERS)
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end < at + 4 or end > size:
            raise DamagedJpeg(BAD_HEADERS)
        yield marker, at + 4, end
        at = end


def _read_frame_header(data: bytes, jpeg: Markers, marker: int, at: int, end: int) -> None:
    content = data[at:end]
    if jpeg.kind or len(content) < 9 or len(content) != 6 + 3 * content[5]:
        raise DamagedJpeg(BAD_HEADERS)
    jpeg.kind, jpeg.header = marker, at
    jpeg.size = int.from_bytes(content[3:5]), int.from_bytes(content[1:3])
    jpeg.components = set(content[6::3])
    jpeg.height_is_late = jpeg.size[1] == 0
    if not jpeg.size[0]:
        raise DamagedJpeg(NO_SIZE)


def _read_scans(data: bytes, jpeg: Markers, at: int, end: int) -> None:
    """Read from the content of the first SOS to the end of the JPEG, or to the beginning of another one."""
    if not jpeg.kind:
        raise DamagedJpeg(BAD_HEADERS)
    if jpeg.kind in SEQUENTIAL_HUFFMAN and (missing := _wanted_tables(data[at:end]) - jpeg.tables):
        if not missing <= STANDARD_TABLES.keys():
            raise DamagedJpeg(BAD_HEADERS)
        jpeg.missing_tables = huffman_segment(STANDARD_TABLES.keys() - jpeg.tables)
    data_bytes, marker = 0, SOS
    while True:
        if marker == SOS:
            _read_scan_header(jpeg, data[at:end])
        found = MARKER_IN_DATA.search(data, end)
        if found is None:
            data_bytes += len(data) - end
            break
        data_bytes += found.start() - end
        marker, at = data[found.start() + 1], found.start() + 4
        if marker == EOI_:
            jpeg.end = found.end()
            break
        if marker == SOI_:
            jpeg.next_begin = found.start()
            return
        end = found.end() + int.from_bytes(data[at - 2 : at])
        if marker < 0xC0 or marker in FRAME_HEADERS or end < at:
            raise DamagedJpeg(BAD_DATA)
        if end > len(data):
            raise DamagedJpeg(CUT_OFF)
        if marker == DNL and jpeg.height_is_late:
            jpeg.size = jpeg.size[0], int.from_bytes(data[at : at + 2])
    _check_whole(jpeg, data_bytes)


def _wanted_tables(scan_header: bytes) -> set[int]:
    """Return the Huffman tables of a scan: the class, 0 or 1, in the upper half of a byte, the number in the lower."""
    pairs = scan_header[2 : 1 + 2 * scan_header[0] : 2] if scan_header else b""
    return {table for pair in pairs for table in (pair >> 4, 0x10 | pair & 15)}


def _read_scan_header(jpeg: Markers, content: bytes) -> None:
    count = content[0] if content else 0
    if not 1 <= count <= 4 or len(content) != 4 + 2 * count:
        raise DamagedJpeg(BAD_DATA)
    first_coefficient, approximation = content[-3], content[-1]
    # the last scan with the mean brightness of blocks has no bits left out
    if jpeg.kind not in PROGRESSIVE or (first_coefficient == 0 and approximation & 15 == 0):
        jpeg.components -= set(content[1:-3:2])


def _check_whole(jpeg: Markers, data_bytes: int) -> None:
    """Check what can be checked without decoding."""
    width, height = jpeg.size
    if not height:
        raise DamagedJpeg(NO_SIZE)
    blocks = -(-width // 8) * -(-height // 8)
    # each block has at least a bit, except in arithmetic coding
    if data_bytes == 0 or (jpeg.kind not in ARITHMETIC and data_bytes * 8 < blocks):
        raise DamagedJpeg(NO_DATA)
    if jpeg.components:
        raise DamagedJpeg(CUT_OFF)
