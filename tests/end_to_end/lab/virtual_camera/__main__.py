"""Plugs a camera into QEMU; ending the program pulls the cable.

SIGUSR1 freezes it (no frames), SIGUSR2 thaws it, SIGHUP stalls it (no frames until the stream is restarted).
"""

import argparse
import signal
from pathlib import Path

from tests.end_to_end.lab.virtual_camera.pictures import Pictures
from tests.end_to_end.lab.virtual_camera.usbredir import Cable
from tests.end_to_end.lab.virtual_camera.webcam import Webcam


def main() -> None:
    """Run until QEMU hangs up or a signal ends it."""
    parser = argparse.ArgumentParser(prog="virtual_camera", description=__doc__)
    parser.add_argument("--socket", required=True, help="the socket of QEMU's usb-redir device")
    parser.add_argument("--frames", required=True, type=Path, help="folder with WIDTHxHEIGHT/*.jpg")
    parser.add_argument("--name", required=True, help="what the guest sees as the product")
    parser.add_argument("--serial", required=True, help="the serial number")
    arguments = parser.parse_args()
    webcam = Webcam(arguments.name, arguments.serial, Pictures(arguments.frames))
    signal.signal(signal.SIGUSR1, lambda *_: webcam.freeze())
    signal.signal(signal.SIGUSR2, lambda *_: webcam.thaw())
    signal.signal(signal.SIGHUP, lambda *_: webcam.stall())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cable = Cable(webcam, arguments.socket)
    cable.run()


if __name__ == "__main__":
    main()
