"""The Exif data of a still: time, exposure, gain, lens position, camera model.

There is no thumbnail, because some clients take its end for the end of the JPEG. The tags are those of Exif 2.32
(CIPA DC-008), with Pillow's names for them.
"""

from datetime import datetime
from typing import Any

from soft_stream.frames.raw import FrameMetadata

BEGIN = b"\xff\xd8"
APP1 = b"\xff\xe1"
ISO_AT_GAIN_1 = 100


def add_exif(jpeg: bytes, captured_at: float, metadata: FrameMetadata, model: str) -> bytes:
    """Return a JPEG with Exif data; `captured_at` in Unix seconds."""
    from PIL.ExifTags import IFD, Base
    from PIL.Image import Exif
    from PIL.TiffImagePlugin import IFDRational

    taken = datetime.fromtimestamp(captured_at).astimezone()
    exif = Exif()
    exif[Base.Software] = "camera-soft-stream"
    exif[Base.DateTime] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if model:
        exif[Base.Model] = model
    details: dict[int, Any] = {
        Base.ExifVersion: b"0232",
        Base.DateTimeOriginal: exif[Base.DateTime],
        Base.SubsecTimeOriginal: f"{taken.microsecond // 1000:03d}",
        Base.OffsetTimeOriginal: taken.isoformat()[-6:],
    }
    if metadata.exposure_time is not None:
        details[Base.ExposureTime] = IFDRational(round(metadata.exposure_time * 1_000_000), 1_000_000)
    if metadata.gain is not None:
        details[Base.ISOSpeedRatings] = round(metadata.gain * ISO_AT_GAIN_1)
    if metadata.lens_position:  # 0 means infinity, which is not a distance in metres
        details[Base.SubjectDistance] = IFDRational(round(1000 / metadata.lens_position), 1000)
    exif[IFD.Exif] = details
    segment = exif.tobytes()
    return BEGIN + APP1 + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg.removeprefix(BEGIN)
