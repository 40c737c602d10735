"""The bytes of an MJPEG stream: the one form of multipart/x-mixed-replace that every known client reads.

Each part has `Content-Type: image/jpeg` and the right `Content-Length`, and is followed at once by CRLF and the next
boundary: VLC and Fluidd show a frame only when the boundary after it has come, Mainsail one byte after it. The
boundary has no dashes in front and no quotes: Fluidd takes it literally.
"""

BOUNDARY = "softstreamframe"
CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
OPENING = f"--{BOUNDARY}\r\n".encode()
CLOSING = f"\r\n--{BOUNDARY}\r\n".encode()


def make_part(jpeg: bytes, captured_at: float, label: str = "") -> bytes:
    """Make the bytes of one part, up to and including the next boundary; `label` is `repeat` or `notice`."""
    headers = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\nX-Timestamp: {captured_at:.6f}\r\n"
    if label:
        headers += f"X-Frame: {label}\r\n"
    return b"".join((headers.encode(), b"\r\n", jpeg, CLOSING))
