"""Octolapse: the test of a camera, the download of a snapshot, and which server it believes to talk to.

https://github.com/FormerLurker/Octolapse/blob/master/octoprint_octolapse/camera.py and snapshot.py

- The test reads the whole body for two seconds at most, so the address of a stream fails. The status has to be 200, and
  a Content-Type has to be there and hold `image/jpeg`, in any letters.
- A snapshot has five seconds; its status has to be below 400, and its body is saved whatever it is.
- Image preferences are offered only for a `Server:` that begins with `MJPG-Streamer`.
"""

from tests.end_to_end.clients.parsers.client import GaveUp, Head

TEST_SECONDS = 2.0
SNAPSHOT_SECONDS = 5.0
OK = 200
BAD_REQUEST = 400


def check_camera(head: Head, *, has_ended: bool = True) -> None:
    """Say what the button "Test Snapshot" says; `has_ended`: the body came to its end in time.

    Raises:
        GaveUp: the test failed.
    """
    if not has_ended:
        raise GaveUp("A read timeout occurred. Are you using the video stream URL by mistake?")
    if head.status != OK:
        raise GaveUp(f"An invalid status code or {head.status} was returned")
    if "content-type" not in head.headers:
        raise GaveUp("KeyError: 'content-type'")
    if "image/jpeg" not in head.content_type.lower():
        raise GaveUp("The returned data was not an image")


def download(head: Head, body: bytes) -> bytes:
    """Return what is written to the file of a snapshot.

    Raises:
        GaveUp: there is no snapshot.
    """
    if head.status >= BAD_REQUEST:
        raise GaveUp(f"{head.status}")
    return body


def server_type(head: Head) -> str:
    """Return `mjpg-streamer`, `yawcam`, `unknown`, or the value of `Server:`."""
    server = head.headers.get("server", "unknown")
    if server.startswith("MJPG-Streamer"):
        return "mjpg-streamer"
    return "yawcam" if server.startswith("yawcam") else server
