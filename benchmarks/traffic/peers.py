"""The programs to compare: the URLs of their stream and snapshot, and the requests to send to each."""

from dataclasses import dataclass

HOST = "x"
PARTS, OTHER_REQUESTS = "The parts of a stream", "Other requests"
DASHBOARD = "http://dashboard.example"
CACHE_BUSTER = "_=17123"
NUMBERED_KEY = "view_1=17123"
SOON_AGAIN = "snapshot again"


@dataclass(frozen=True)
class Peer:
    """A program, under the name that its users know."""

    name: str
    stream: str
    snapshot: str = ""
    over_tls: bool = False
    differs_in: str = ""
    """The only table with a row for it, if it is a variant of another program."""

    def requests(self) -> dict[str, str]:
        """Return all requests to record, by name."""
        requests = {
            "stream": request("GET", self.stream),
            "stream, HTTP/1.0": request("GET", self.stream, version="1.0"),
            "HEAD stream": request("HEAD", self.stream),
            "wrong path": request("GET", "/nothing-here"),
        }
        if self.snapshot:
            more = f"{self.snapshot}{'&' if '?' in self.snapshot else '?'}"
            requests |= {
                "snapshot": request("GET", self.snapshot),
                SOON_AGAIN: request("GET", self.snapshot),
                "HEAD snapshot": request("HEAD", self.snapshot),
                "cache buster": request("GET", f"{more}{CACHE_BUSTER}"),
                "numbered key": request("GET", f"{more}{NUMBERED_KEY}"),
            }
        asked = {"Origin": DASHBOARD, "Access-Control-Request-Method": "GET"}
        requests["OPTIONS"] = request("OPTIONS", self.snapshot or self.stream, asked)
        requests["other origin"] = request("GET", self.snapshot or self.stream, {"Origin": DASHBOARD})
        return requests


def request(method: str, path: str, headers: dict[str, str] | None = None, version: str = "1.1") -> str:
    """Return the bytes of a request, as text."""
    lines = [f"{method} {path} HTTP/{version}", f"Host: {HOST}"]
    return "\r\n".join(lines + [f"{name}: {value}" for name, value in (headers or {}).items()]) + "\r\n\r\n"


PORTAL = Peer("camera-soft-stream", "/stream.mjpg", "/snapshot.jpg")
PORTAL_WITH_CORS = Peer(
    f"camera-soft-stream, `cam_cors_origins={DASHBOARD}`", PORTAL.stream, PORTAL.snapshot, differs_in=OTHER_REQUESTS
)
# in the order of the tables
PEERS = {
    "mjpg-streamer": Peer("mjpg-streamer", "/?action=stream", "/?action=snapshot"),
    "mjpg-streamer-management": Peer(
        "mjpg-streamer, built with `ENABLE_HTTP_MANAGEMENT`",
        "/?action=stream",
        "/?action=snapshot",
        differs_in=OTHER_REQUESTS,
    ),
    "ustreamer": Peer("ustreamer", "/stream", "/snapshot"),
    "ustreamer-advance-headers": Peer(
        "ustreamer, `?advance_headers=1`", "/stream?advance_headers=1", "/snapshot", differs_in=PARTS
    ),
    "camera-streamer": Peer("camera-streamer", "/stream", "/snapshot"),
    "spyglass": Peer("spyglass", "/stream", "/snapshot"),
    "picamera2": Peer("Picamera2's mjpeg_server.py", "/stream.mjpg"),
    "webcamd-synman": Peer("webcamd (synman)", "/?stream", "/?snapshot"),
    "webcamd-mcguckin": Peer("webcamd (McGuckin)", "/"),
    "mjpgstreamer": Peer("MJPGStreamer (mclendon99)", "/", over_tls=True),
}
# URLs in people's settings and scripts
OLDER_URLS = {
    "mjpg-streamer": (
        "/?action=stream",
        "/?action=stream_0",
        "/webcam/?action=stream",
        "/?action=snapshot",
        "/?action=snapshot&1712345678901",
        "/?action=snapshot_1",
        "/?action=command&id=-1",
        "/?action=take",
        "/input.json",
        "/output.json",
        "/program.json",
        "/clients.json",
    ),
    "ustreamer": (
        "/stream",
        "/stream?advance_headers=1&dual_final_frames=1&zero_data=1&extra_headers=1&key=abc",
        "/snapshot",
        "/state",
    ),
    "camera-streamer": (
        "/snapshot?max_delay=0",
        "/status",
        "/video.mp4",
        "/option?key=brightness&value=1",
    ),
    "spyglass": ("/controls?brightness=0.5",),
    "webcamd": (
        "/?stream",
        "/?stream&rotate=1",
        "/?snapshot",
        "/?info",
        "/?shutdown",
    ),
    "MJPGStreamer": ("/any/path",),
    "go2rtc": ("/api/stream.mjpeg?src=cam", "/api/frame.jpeg?src=cam"),
}
