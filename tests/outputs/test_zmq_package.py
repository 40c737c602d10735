"""The bytes of a package of frames, compared with those of the protobuf library."""

import math

import pytest

from soft_stream.frames.frame import Frame
from soft_stream.outputs.zmq_package import encode_package
from tests.support.fake_clients import frame_of
from tests.support.zmq_subscriber import package_class


@pytest.mark.parametrize("sizes", [[], [0], [1], [127, 128], [16383, 16384, 3_000_000]])
def test_the_same_bytes_as_protobuf(sizes: list[int]) -> None:
    """Packages of any number and size of frames are serialized as the library does it."""
    frames = [frame_of(index % 10, size) for index, size in enumerate(sizes)]
    expected = package_class()()
    for frame in frames:
        microseconds = round(frame.timestamp * 1_000_000)
        expected.frame.add(
            timestamp_unix=microseconds // 1_000_000,
            timestamp_s=microseconds // 1_000_000,
            timestamp_us=microseconds % 1_000_000,
            blob=frame.jpeg,
        )
    assert encode_package(frames) == expected.SerializeToString()


def test_times_that_are_zero() -> None:
    """Required fields are there even if they are 0, and the microseconds never reach a second."""

    class Dated(Frame):
        @property
        def timestamp(self) -> float:
            return 1.0 - math.ulp(1.0)

    package = package_class().FromString(encode_package([Dated(b"x", 1, (1, 1), 0.0, 0.0)]))
    assert (package.frame[0].timestamp_s, package.frame[0].timestamp_us) == (1, 0)
