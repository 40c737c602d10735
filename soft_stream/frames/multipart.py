"""The multipart format of an MJPEG stream (multipart/x-mixed-replace), in the form that all known clients can read.

Each part has `Content-Type: image/jpeg` and the exact `Content-Length`. CRLF and the next boundary follow it at once,
because VLC and Fluidd show a frame only when they have received the next boundary, and Mainsail one byte later. The
boundary has neither leading dashes nor quotes, because Fluidd takes the parameter literally.
"""

from urllib.parse import quote

BOUNDARY = "softstreamframe"
CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
OPENING = f"--{BOUNDARY}\r\n".encode()
CLOSING = f"\r\n--{BOUNDARY}\r\n".encode()
LABEL = "X-Frame"
REPEAT, NOTICE = "repeat", "notice"
# Why the picture is not live, percent-encoded; for servers that get their picture from this one.
REASON = "X-Reason"
LONGEST_REASON = 300
SAFE = " ,.:;'()/-_+=@"


def make_part(
    jpeg: bytes, timestamp: float, captured_at: float, label: str = "", zoom: object = None, reason: str = ""
) -> bytes:
    """Return the bytes of a part, including the boundary after it.

    The time of capture is in Unix seconds and on the monotonic clock. `label` is empty, `repeat` or `notice`;
    `zoom` is the part of the frame that the sensor enlarges for all clients, if it does; `reason` that of a notice.
    """
    headers = (
        f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
        f"X-Timestamp: {timestamp:.6f}\r\nX-Monotonic: {captured_at:.6f}\r\n"
    )
    if label:
        headers += f"{LABEL}: {label}\r\n"
    if reason:
        headers += f"{REASON}: {quote(reason[:LONGEST_REASON], safe=SAFE)}\r\n"
    if zoom:
        headers += f"X-Zoom: {zoom}\r\n"
    return b"".join((headers.encode(), b"\r\n", jpeg, CLOSING))
