"""OctoPrint: the "Test" button beside the address of a snapshot, and the snapshots of a timelapse.

https://github.com/OctoPrint/OctoPrint/blob/main/src/octoprint/server/api/__init__.py (`_test_url`) and timelapse.py

- The test wants a status below 400 and a Content-Type of `image/*`, parameters aside.
- A timelapse has five seconds and saves whatever body comes with a status below 400: a page with 200 becomes a frame.
"""

from fnmatch import fnmatch

from tests.end_to_end.clients.parsers.client import GaveUp, Head

SNAPSHOT_SECONDS = 5.0
BAD_REQUEST = 400


def check_snapshot(head: Head) -> None:
    """Say what the button says.

    Raises:
        GaveUp: the test failed.
    """
    if head.status >= BAD_REQUEST:
        raise GaveUp(f"The URL could not be retrieved: {head.status}")
    kind = head.content_type.partition(";")[0].strip()
    if not fnmatch(kind, "image/*"):
        raise GaveUp(f"The URL doesn't look like an image: {kind}")


def download(head: Head, body: bytes) -> bytes:
    """Return what a timelapse takes for its frame.

    Raises:
        GaveUp: there is no frame.
    """
    if head.status >= BAD_REQUEST:
        raise GaveUp(f"{head.status}")
    return body
