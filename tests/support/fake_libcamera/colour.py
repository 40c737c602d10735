"""libcamera's colour spaces, and the conversion from RGB."""

from __future__ import annotations

from enum import IntEnum


class ColorSpace:
    """A colour space; Picamera2 adds `__eq__` to the class, which keeps the hash of an object."""

    class Primaries(IntEnum):
        """The primary colours."""

        Raw = 0
        Smpte170m = 1
        Rec709 = 2
        Rec2020 = 3

    class TransferFunction(IntEnum):
        """The transfer function."""

        Linear = 0
        Srgb = 1
        Rec709 = 2

    class YcbcrEncoding(IntEnum):
        """The YCbCr matrix."""

        Null = 0
        Rec601 = 1
        Rec709 = 2
        Rec2020 = 3

    class Range(IntEnum):
        """The range: black is 0 or 16."""

        Full = 0
        Limited = 1

    primaries: Primaries
    transferFunction: TransferFunction  # noqa: N815 # libcamera's name
    ycbcrEncoding: YcbcrEncoding  # noqa: N815 # libcamera's name
    range: Range

    def __init__(
        self,
        primaries: Primaries | ColorSpace,
        transfer_function: TransferFunction = TransferFunction.Linear,
        ycbcr_encoding: YcbcrEncoding = YcbcrEncoding.Null,
        range: Range = Range.Full,  # noqa: A002 # libcamera's word
    ) -> None:
        if isinstance(primaries, ColorSpace):
            primaries, transfer_function, ycbcr_encoding, range = primaries.key()  # noqa: A001 # libcamera's word
        self.primaries = primaries
        self.transferFunction = transfer_function
        self.ycbcrEncoding = ycbcr_encoding
        self.range = range

    @staticmethod
    def Raw() -> ColorSpace:  # noqa: N802 # libcamera's name
        """The raw data of a sensor."""
        return ColorSpace(*PRESETS["RAW"])

    @staticmethod
    def Srgb() -> ColorSpace:  # noqa: N802 # libcamera's name
        """The RGB of screens."""
        return ColorSpace(*PRESETS["sRGB"])

    @staticmethod
    def Sycc() -> ColorSpace:  # noqa: N802 # libcamera's name
        """Full-range BT.601, as in JFIF."""
        return ColorSpace(*PRESETS["sYCC"])

    @staticmethod
    def Smpte170m() -> ColorSpace:  # noqa: N802 # libcamera's name
        """Limited-range BT.601."""
        return ColorSpace(*PRESETS["SMPTE170M"])

    @staticmethod
    def Rec709() -> ColorSpace:  # noqa: N802 # libcamera's name
        """Limited-range BT.709."""
        return ColorSpace(*PRESETS["Rec709"])

    @staticmethod
    def Rec2020() -> ColorSpace:  # noqa: N802 # libcamera's name
        """Limited-range BT.2020."""
        return ColorSpace(*PRESETS["Rec2020"])

    def key(self) -> tuple[Primaries, TransferFunction, YcbcrEncoding, Range]:
        """Return the fields that are compared."""
        return (self.primaries, self.transferFunction, self.ycbcrEncoding, self.range)

    def yuv(self, red: int, green: int, blue: int) -> tuple[int, int, int]:
        """Return Y, U and V of a colour."""
        weight_red, weight_blue = LUMA.get(self.ycbcrEncoding, LUMA[self.YcbcrEncoding.Rec601])
        luma = weight_red * red + (1 - weight_red - weight_blue) * green + weight_blue * blue
        u, v = (blue - luma) / (2 - 2 * weight_blue), (red - luma) / (2 - 2 * weight_red)
        if self.range is self.Range.Limited:
            return round(16 + luma * 219 / 255), round(128 + u * 224 / 255), round(128 + v * 224 / 255)
        return round(luma), min(255, round(128 + u)), min(255, round(128 + v))

    def __str__(self) -> str:
        name = next((name for name, key in PRESETS.items() if key == self.key()), None)
        name = name or "/".join(part.name for part in self.key())
        return f"<libcamera.ColorSpace '{name}'>"


PRESETS = {
    "RAW": (
        ColorSpace.Primaries.Raw,
        ColorSpace.TransferFunction.Linear,
        ColorSpace.YcbcrEncoding.Null,
        ColorSpace.Range.Full,
    ),
    "sRGB": (
        ColorSpace.Primaries.Rec709,
        ColorSpace.TransferFunction.Srgb,
        ColorSpace.YcbcrEncoding.Null,
        ColorSpace.Range.Full,
    ),
    "sYCC": (
        ColorSpace.Primaries.Rec709,
        ColorSpace.TransferFunction.Srgb,
        ColorSpace.YcbcrEncoding.Rec601,
        ColorSpace.Range.Full,
    ),
    "SMPTE170M": (
        ColorSpace.Primaries.Smpte170m,
        ColorSpace.TransferFunction.Rec709,
        ColorSpace.YcbcrEncoding.Rec601,
        ColorSpace.Range.Limited,
    ),
    "Rec709": (
        ColorSpace.Primaries.Rec709,
        ColorSpace.TransferFunction.Rec709,
        ColorSpace.YcbcrEncoding.Rec709,
        ColorSpace.Range.Limited,
    ),
    "Rec2020": (
        ColorSpace.Primaries.Rec2020,
        ColorSpace.TransferFunction.Rec709,
        ColorSpace.YcbcrEncoding.Rec2020,
        ColorSpace.Range.Limited,
    ),
}
# Weights of red and blue in luma: ITU-R BT.601, BT.709, BT.2020.
LUMA = {
    ColorSpace.YcbcrEncoding.Rec601: (0.299, 0.114),
    ColorSpace.YcbcrEncoding.Rec709: (0.2126, 0.0722),
    ColorSpace.YcbcrEncoding.Rec2020: (0.2627, 0.0593),
}
