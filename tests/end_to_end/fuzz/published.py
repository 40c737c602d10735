"""What must be true of the bytes that clients get as one frame: a second walk over the markers, made for the tests.

The rules are those of ITU-T T.81, annex B, and those of docs/cameras.md about what clients misread.
"""

from tests.support.jpegs import EOI, SOI

STANDALONE = {0x01, *range(0xD0, 0xDA)}
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE, ARITHMETIC, SEQUENTIAL = {0xC2, 0xCA}, set(range(0xC9, 0xD0)), {0xC0, 0xC1}


class Wrong(Exception):
    """The bytes are no whole JPEG; the message says why."""


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return the (width, height) of a frame that may be published.

    Raises:
        Wrong: it must not be published.
    """
    if not jpeg.startswith(SOI + b"\xff"):
        raise Wrong("it does not begin with SOI and a marker")
    walk = _Walk(jpeg)
    at = 2
    while at < len(jpeg):
        at = walk.segment(at)
        if walk.in_scan:
            at = walk.skip_data(at)
        if walk.is_over:
            if at != len(jpeg):
                raise Wrong(f"{len(jpeg) - at} bytes behind EOI")
            return walk.finish()
    raise Wrong("there is no EOI")


class _Walk:
    def __init__(self, jpeg: bytes) -> None:
        self.jpeg = jpeg
        self.frame = 0
        self.size = (0, 0)
        self.waiting: set[int] = set()
        self.tables: set[int] = set()
        self.data = 0
        self.in_scan = self.is_over = self.had_scan = False

    def segment(self, at: int) -> int:
        """Read the marker at an offset, with its segment; return the offset behind it."""
        jpeg = self.jpeg
        while jpeg[at : at + 2] == b"\xff\xff":
            at += 1
        if jpeg[at : at + 2] == EOI and self.had_scan:
            self.is_over = True
            return at + 2
        if at + 4 > len(jpeg) or jpeg[at] != 0xFF:
            raise Wrong(f"no marker at {at}")
        marker = jpeg[at + 1]
        if marker in STANDALONE or marker < 0xC0:
            raise Wrong(f"marker {marker:02x} at {at}")
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if end < at + 4 or end > len(jpeg):
            raise Wrong(f"the segment {marker:02x} at {at} has a length that cannot be")
        self._content(marker, jpeg[at + 4 : end])
        return end

    def _content(self, marker: int, content: bytes) -> None:
        # behind a segment in image data the product goes on to look for a marker, as decoders do
        self.in_scan = self.in_scan or marker == 0xDA
        if marker in FRAMES:
            self._frame(marker, content)
        elif marker == 0xC4:
            self._tables(content)
        elif marker == 0xDA:
            self._scan(content)
        elif not self.had_scan and (marker == 0xFE or 0xE0 <= marker <= 0xEF):
            self._metadata(marker, content)

    def _frame(self, marker: int, content: bytes) -> None:
        if self.frame:
            raise Wrong("two frame headers")
        if len(content) < 9 or len(content) != 6 + 3 * content[5]:
            raise Wrong("the frame header has another length than its components need")
        self.frame = marker
        self.size = int.from_bytes(content[3:5]), int.from_bytes(content[1:3])
        self.waiting = set(content[6::3])
        if 0 in self.size:
            raise Wrong(f"the size is {self.size}")

    def _tables(self, content: bytes) -> None:
        at = 0
        while at + 17 <= len(content):
            self.tables.add(content[at])
            at += 17 + sum(content[at + 1 : at + 17])

    def _scan(self, content: bytes) -> None:
        self.had_scan = True
        count = content[0] if content else 0
        if not self.frame:
            raise Wrong("a scan without a frame header")
        if not 1 <= count <= 4 or len(content) != 4 + 2 * count:
            raise Wrong("the header of a scan has another length than its components need")
        components, tables = content[1 : 1 + 2 * count : 2], content[2 : 2 + 2 * count : 2]
        # the first scan, because a camera may define the tables of others behind it
        needed = {number for pair in tables for number in (pair >> 4, 0x10 | pair & 15)}
        if self.frame in SEQUENTIAL and not self.data and not needed <= self.tables:
            raise Wrong(f"Huffman tables are missing: {sorted(needed - self.tables)}")
        if self.frame not in PROGRESSIVE or (content[-3] == 0 and content[-1] & 15 == 0):
            self.waiting -= set(components)

    def _metadata(self, marker: int, content: bytes) -> None:
        if marker == 0xE1 and content.startswith(b"Exif\0"):
            raise Wrong("Exif data: clients would turn the frame once more")
        if marker == 0xE2 and content.startswith(b"MPF\0"):
            raise Wrong("an index of other images")
        if EOI in content and not content.startswith((b"Adobe", b"ICC_PROFILE")):
            raise Wrong("the bytes of EOI in metadata: clients would cut the frame off there")

    def skip_data(self, at: int) -> int:
        """Return the offset of the next marker that ends image data."""
        jpeg, begin = self.jpeg, at
        while at + 1 < len(jpeg):
            if jpeg[at] != 0xFF:
                at = max(jpeg.find(b"\xff", at), at + 1) if b"\xff" in jpeg[at:] else len(jpeg)
            elif jpeg[at + 1] == 0xFF:
                at += 1
            elif jpeg[at + 1] == 0 or 0xD0 <= jpeg[at + 1] <= 0xD7:
                at += 2
            else:
                break
        self.data += at - begin
        if jpeg[at + 1 : at + 2] and jpeg[at + 1] in FRAMES:
            raise Wrong("a frame header in the image data")
        return at

    def finish(self) -> tuple[int, int]:
        width, height = self.size
        if self.waiting:
            raise Wrong(f"no scan has the components {sorted(self.waiting)}")
        if not self.data or (self.frame not in ARITHMETIC and self.data * 8 < -(-width // 8) * -(-height // 8)):
            raise Wrong("there is not enough image data for its size")
        return self.size


def orientation_of(payload: bytes) -> int:
    """Return the Exif orientation in a segment, 1 without a valid one; every read checks its bounds."""
    tiff, order = payload[6:], {b"II": "little", b"MM": "big"}.get(payload[6:8])

    def number(at: int, size: int) -> int:
        if at + size > len(tiff):
            raise IndexError
        return int.from_bytes(tiff[at : at + size], order)  # type: ignore[arg-type] # one of both

    if not payload.startswith(b"Exif\0") or order is None:
        return 1
    try:
        begin = number(4, 4)
        for at in range(begin + 2, begin + 2 + 12 * number(begin, 2), 12):
            number(at + 8, 4)
            size = {1: 1, 3: 2, 4: 4}.get(number(at + 2, 2))
            if number(at, 2) == 0x0112 and number(at + 4, 4) == 1 and size:
                value = number(at + 8, size)
                return value if 1 <= value <= 8 else 1
    except IndexError:
        pass
    return 1
