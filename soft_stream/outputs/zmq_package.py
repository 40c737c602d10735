"""The messages of mjpg-streamer's `output_zmqserver`: a topic, and a protobuf package of frames.

The messages have four fields of two types, whose encoding never changes. Writing them here costs no copy of the JPEG
and no import of protobuf, whose generated modules fit only some of its versions. Its `package.proto`:

    syntax = "proto2";
    package pb;
    message Package {
        message Frame {
            required uint32 timestamp_unix = 1;
            required uint32 timestamp_s = 2;
            required uint32 timestamp_us = 3;
            required bytes blob = 4;
        }
        repeated Frame frame = 1;
    }
"""

from collections.abc import Sequence

from soft_stream.frames.frame import Frame

TOPIC = b"frames"
# The first byte of a field: its number, and whether its value is a varint (0), or has its length in front (2).
_TIMESTAMP_UNIX, _TIMESTAMP_S, _TIMESTAMP_US, _BLOB = b"\x08", b"\x10", b"\x18", b"\x22"
_FRAME = b"\x0a"
_UINT32 = 0xFFFFFFFF


def encode_package(frames: Sequence[Frame]) -> bytes:
    """Return frames as a serialized `Package`; all three times are that of the capture, in Unix seconds."""
    parts: list[bytes] = []
    for frame in frames:
        seconds, microseconds = divmod(round(frame.timestamp * 1_000_000), 1_000_000)
        unix = _varint(seconds & _UINT32)
        times = b"".join(
            (_TIMESTAMP_UNIX, unix, _TIMESTAMP_S, unix, _TIMESTAMP_US, _varint(microseconds), _BLOB)
        ) + _varint(len(frame.jpeg))
        parts += (_FRAME, _varint(len(times) + len(frame.jpeg)), times, frame.jpeg)
    return b"".join(parts)


def _varint(number: int) -> bytes:
    """Return a number in groups of 7 bits, the lowest first; all but the last have the highest bit set."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
