"""The structures have the sizes of linux/videodev2.h, from which the kernel knows their versions."""

import struct

import pytest

from soft_stream.cameras.v4l2 import kernel

# sizeof in C, with 64-bit pointers and with 32-bit ones; in the second case v4l2_buffer has a 32-bit time_t
SIZES = {
    "CAPABILITY": (104, 104),
    "FORMAT_DESCRIPTION": (64, 64),
    "FRAME_SIZE": (44, 44),
    "FRAME_INTERVAL": (52, 52),
    "PIX_FORMAT": (48, 48),
    "FORMAT": (208, 204),
    "CAPTURE_PARAMETERS": (204, 204),
    "REQUEST_BUFFERS": (20, 20),
    "BUFFER": (88, 68),
    "QUERY_CONTROL": (68, 68),
    "QUERY_MENU": (44, 44),
    "CONTROL": (8, 8),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name: str) -> None:
    """Each structure has its size on this system."""
    assert getattr(kernel, name).size == SIZES[name][struct.calcsize("P") == 4]


def test_sizes_with_32_bits() -> None:
    """With pointers and longs of 4 bytes, which is what differs on armhf, the structures have the other sizes."""
    for name, (_, size) in SIZES.items():
        layout = getattr(kernel, name).format.removeprefix("@").removeprefix("=")
        assert (
            struct.calcsize("=" + layout.replace("0P", "").replace("0L", "").replace("L", "I").replace("l", "i"))
            == size
        )


@pytest.mark.skipif(struct.calcsize("P") != 8, reason="the numbers contain the sizes")
def test_numbers() -> None:
    """The numbers of the ioctls are those of a 64-bit system."""
    assert (kernel.QUERYCAP, kernel.S_FMT, kernel.DQBUF) == (0x80685600, 0xC0D05605, 0xC0585611)
    assert (kernel.STREAMON, kernel.ENUM_FRAMEINTERVALS) == (0x40045612, 0xC034564B)


def test_names_of_drivers() -> None:
    """A name ends with a zero, and is safe for the log."""
    assert kernel.text(b"USB \x1b[31mcam\xff\0rest") == "USB [31mcam\ufffd"
