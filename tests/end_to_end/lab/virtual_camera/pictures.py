"""The frames of the camera: JPEGs from a folder, and bars in plain pixels."""

from pathlib import Path

from tests.end_to_end.lab.virtual_camera.descriptors import I420, MJPEG, Format, Size

# white, yellow, cyan, green, magenta, red, blue, black: BT.601 in limited range
BARS = ((235, 128, 128), (210, 16, 146), (170, 166, 16), (145, 54, 34),
        (106, 202, 222), (81, 90, 240), (41, 240, 110), (16, 128, 128))  # fmt: skip
WHITE, BLACK = 235, 16
BAND = 8  # lines of the white band that walks down the picture


class Pictures:
    """Makes frame after frame; plain pixels carry the frame's number in their first 32 lumas, white for a 1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jpegs: dict[Size, list[bytes]] = {}
        self._bars: dict[tuple[Format, Size], bytes] = {}

    def frame(self, pixels: Format, size: Size, number: int) -> bytes:
        """Make a frame."""
        if pixels is MJPEG:
            jpegs = self._jpegs.get(size) or self._read(size)
            return jpegs[number % len(jpegs)]
        step = 1 if pixels is I420 else 2  # bytes from one luma to the next
        frame = bytearray(self._bars.get((pixels, size)) or self._draw(pixels, size))
        for bit in range(32):
            frame[bit * step] = WHITE if number >> bit & 1 else BLACK
        line = size.width * step
        top = BAND + number * 4 % (size.height - 2 * BAND)
        white = bytes((WHITE,)) if pixels is I420 else bytes((WHITE, 128))
        frame[top * line : (top + BAND) * line] = white * (size.width * BAND)
        return bytes(frame)

    def _read(self, size: Size) -> list[bytes]:
        found = [file.read_bytes() for file in sorted((self._folder / str(size)).glob("*.jpg"))]
        if not found:
            raise SystemExit(f"{self._folder / str(size)} has no JPEG frames")
        return self._jpegs.setdefault(size, found)

    def _draw(self, pixels: Format, size: Size) -> bytes:
        bars = [BARS[x * len(BARS) // size.width] for x in range(size.width)]
        if pixels is I420:
            lumas = bytes(bar[0] for bar in bars) * size.height
            chromas = [bytes(bar[plane] for bar in bars[::2]) * (size.height // 2) for plane in (1, 2)]
            drawn = lumas + b"".join(chromas)
        else:
            drawn = b"".join(bytes((y, u, y, v)) for y, u, v in bars[::2]) * size.height
        return self._bars.setdefault((pixels, size), drawn)
