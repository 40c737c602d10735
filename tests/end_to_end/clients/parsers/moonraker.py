"""Moonraker: the test of a webcam, and moonraker-timelapse.

https://github.com/Arksine/moonraker/blob/master/moonraker/components/webcam.py (`_handle_webcam_test`),
https://github.com/mainsail-crew/moonraker-timelapse/blob/main/component/timelapse.py

- The test gives one second to connect and one for the whole snapshot; a status below 400 is all that it wants.
- A frame of a timelapse is what `wget` writes within two seconds.
"""

from tests.end_to_end.clients.parsers.client import Head

TEST_SECONDS = 1.0
TIMELAPSE_SECONDS = 2.0
BAD_REQUEST = 400


def is_reachable(head: Head) -> bool:
    """Return the value of `snapshot_reachable`."""
    return head.status < BAD_REQUEST
