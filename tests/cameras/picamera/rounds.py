"""Open and close a camera many times in a separate process, and print the resources that are left, as JSON.

Each close takes a fifth of a second, the time after which Picamera2's threads end. So several processes at the same
time are faster.
"""

import json
import sys
import warnings
from dataclasses import replace

from soft_stream.cameras.picamera.sensor_modes import SensorModes
from tests.cameras.picamera.common import DUAL, QUICK, captured, opened, still_of
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.facts import leftovers

WARM_UP = 2
# Half of the sessions have full-size frames beside the stream.
SETTINGS = (
    replace(QUICK, width=160, height=90),
    replace(DUAL, width=160, height=90, snapshot_width=320, snapshot_height=180),
)


def main(rounds: int) -> None:
    """Run the sessions, each with a frame, half of them with a still."""
    warnings.simplefilter("ignore")  # Picamera2 uses setDaemon
    device = enable("pi5").camera("cam0")
    sensor_modes = SensorModes()
    before: dict[str, object] = {}
    for each in range(WARM_UP + rounds):
        with opened(SETTINGS[each % 2], sensor_modes) as (camera, negotiated):
            captured(camera)
            if negotiated.still_method == "dual":
                still_of(camera)
        if each == WARM_UP - 1:
            before = leftovers()
    print(json.dumps({"openings": device.openings, "before": before, "after": leftovers()}))  # noqa: T201 # its answer


if __name__ == "__main__":
    main(int(sys.argv[1]))
