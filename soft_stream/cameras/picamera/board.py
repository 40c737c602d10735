"""The board: evidence of the image signal processor of a Raspberry Pi 5, beside what Picamera2 has found.

Picamera2 opens the files /dev/video* when it is imported, and looks for one named pispbe. After any error it takes the
board for an older one (https://github.com/raspberrypi/picamera2, picamera2/platform.py); then libcamera does not find
the CSI cameras either, because Picamera2 sets LIBCAMERA_RPI_CONFIG_FILE to the file of older boards.
"""

from contextlib import suppress
from pathlib import Path

ROOT = Path("/")
# "compatible" of every board with the chip of the Raspberry Pi 5: Compute Module 5, Raspberry Pi 500, ...
CHIP = b"brcm,bcm2712"


def has_pisp_devices(root: Path = ROOT) -> bool:
    """Return whether the kernel has devices of the PiSP, whether or not this process may open them."""
    for file in (root / "sys/class/video4linux").glob("video*/name"):
        with suppress(OSError):
            if file.read_text(errors="replace").startswith("pispbe"):
                return True
    return False


def has_chip_of_pi5(root: Path = ROOT) -> bool:
    """Return whether the device tree names the chip of the Raspberry Pi 5."""
    with suppress(OSError):
        return CHIP in (root / "sys/firmware/devicetree/base/compatible").read_bytes().split(b"\0")
    return False
