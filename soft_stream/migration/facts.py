"""Options that decide a setting only together with others, such as a login, a certificate, or two heights."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from soft_stream.config.endpoints import Endpoint, in_url
from soft_stream.config.settings import SETTINGS, default_of
from soft_stream.config.webcamd_flags import FASTEST, with_ipv4
from soft_stream.migration.model import Translation

ALL_IPV4, ALL_IPV6 = "0.0.0.0", "::"  # noqa: S104 # nothing is bound here
OPEN = "open_to_network"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def apply_facts(done: Translation) -> None:
    """Turn the facts of a translation into settings and notes."""
    applied = []
    for name, apply in FACTS.items():
        if name in done.facts and apply not in applied:
            apply(done, done.facts[name])
            applied.append(apply)
    _https(done)


def open_to_network(done: Translation) -> None:
    """Leave a camera open to the network where the older program was; one that asked for a login is not."""
    if OPEN not in done.tried and "login" not in done.facts and is_public(done):
        done.values[OPEN] = "1"


def was_open(program: str, number: int) -> str:
    """Return the comment for a camera that stays open to the network."""
    return (
        f"{program} was open to the network, and this camera stays open: every client sees and controls it without a "
        f"login. To ask for a login: soft-stream user add NAME, and cam{number}_{OPEN}=0"
    )


def is_public(done: Translation) -> bool:
    """Return True if other machines can reach an address of a camera."""
    bind = SETTINGS["bind"].metadata["type"].parse(done.values.get("bind", "127.0.0.1"))
    listen = SETTINGS["listen"].metadata["type"].parse(done.values.get("listen", ""))
    return any(endpoint.is_public for endpoint in (*listen, *(Endpoint("http", each, 1) for each in bind)))


def _ip_version(done: Translation, values: list[str]) -> None:
    version = done.facts.get("ip_version", ["4"])[-1]
    all_addresses = {"4": ALL_IPV4, "6": ALL_IPV6}[version]
    address = done.facts.get(f"address{version}", [all_addresses])[-1]
    _explicit(done, "bind", with_ipv4(address), f"--v{version}bindaddress {address}")
    other = {"4": "6", "6": "4"}[version]
    if f"address{other}" in done.facts:
        done.note(f"--v{other}bindaddress: has no effect with --ipv {version}")


def _login(done: Translation, values: list[str]) -> None:
    """Stay at this machine until there is a user: the older program asked for a login, and passwords are not copied."""
    bind = done.values.get("bind", "")
    again = ""
    if bind and not all(address in LOOPBACK for address in bind.replace(",", " ").split()):
        done.values.pop("bind")
        done.defaulted.discard("bind")
        again = f", then set camN_bind={bind}"
    done.note(
        "the login: it is not copied, and this camera stays at 127.0.0.1. Add a user: soft-stream user add NAME"
        f"{again}; or use nginx, which asks for a login (docs/access.md)"
    )


def _unix(done: Translation, values: list[str]) -> None:
    done.set("listen", f"unix:{values[-1]}", f"--unix {values[-1]}")
    for name in ("port", "bind"):
        if name in done.defaulted:
            done.values.pop(name, None)
            done.defaulted.discard(name)


def _encoder(done: Translation, values: list[str]) -> None:
    if values[-1] == "hw":
        done.set("pixel_format", "mjpeg", "--encoder HW")


def _every(done: Translation, values: list[str]) -> None:
    nth, fps = int(values[-1]), done.values.get("fps")
    if fps is None and nth > 1:
        done.note(f"every {nth}th frame: set cam_client_fps_max to the frame rate of the camera / {nth}")
    elif fps is not None and nth > 1:
        done.set("client_fps_max", f"{float(fps) / nth:.4g}", f"every {nth}th frame")


def _wait(done: Translation, values: list[str]) -> None:
    """Translate the waits of webcam.py: at most 1/SECONDS frames a second for each client."""
    try:
        seconds = max(float(value) for value in values)
        rate = 1 / seconds if seconds > 0 else FASTEST + 1.0
    except (ValueError, OverflowError, ZeroDivisionError):
        done.note(f"--encodewait, --streamwait: {', '.join(values)} must be seconds")
        return
    if rate <= FASTEST:
        done.set("client_fps_max", f"{rate:.6g}", f"a wait of {seconds:g} s")


def _log_file(done: Translation, values: list[str]) -> None:
    done.set("log_file", values[-1], f"logfile={values[-1]}")
    done.set("log_file_size", "5120", "files of 5 MB")
    done.set("log_file_count", "2", "two rotated files")
    if not values[-1].startswith("/var/log/camera-soft-stream/"):
        done.note(f"logfile={values[-1]}: a unit may only write to /var/log/camera-soft-stream")


def _tuning(done: Translation, values: list[str]) -> None:
    folder = done.facts.get("tuning_folder", [""])[-1].rstrip("/")
    done.set("tuning_file", f"{folder}/{values[-1]}" if folder else values[-1], f"the tuning file {values[-1]}")


def _heights(done: Translation, values: list[str]) -> None:
    """Translate the heights of camera-streamer's outputs, which have the camera's aspect ratio.

    The snapshot is at most as high as the camera's frames, the video as the snapshot, and the stream as the video.
    """
    width, height = int(done.values.get("width", 0)), int(done.values.get("height", 0))
    if not width or not height:
        done.note("the heights of the outputs: the size of the camera is not known")
        return
    heights, highest = {}, height
    for output in ("snapshot", "video", "stream"):
        wanted = int(done.facts.get(f"{output}_height", ["0"])[-1])
        heights[output] = highest = min(wanted if wanted > 0 else highest, highest)
    for prefix, output in (("snapshot_", "snapshot"), ("", "stream")):
        written = f"a {output} height of {heights[output]}"
        _explicit(done, f"{prefix}width", str(width * heights[output] // height // 2 * 2), written)
        _explicit(done, f"{prefix}height", str(heights[output]), written)
    if "video_height" in done.facts and heights["video"] != heights["stream"]:
        done.note(f"the video height {heights['video']}: there is no H.264 yet")


def _snapshot_size(done: Translation, values: list[str]) -> None:
    """Translate soft-stream-portal's snapshot size, where 0 is the size of the stream."""
    sizes = {side: int(done.facts.get(f"still_{side}", ["0"])[-1]) for side in ("width", "height")}
    if not any(sizes.values()):
        done.set("snapshot_size", "stream", "a snapshot size of 0")
        return
    for side, size in sizes.items():
        stream = done.values.get(side, str(default_of(side, 0)))
        done.set(f"snapshot_{side}", str(size or stream), f"a snapshot {side} of {size}")


def _index(done: Translation, values: list[str]) -> None:
    if not done.values.get("id"):
        done.note(f"the camera index {values[-1]}: no camera is at this place of Picamera2's list", "id")


def _https(done: Translation) -> None:
    """Listen with TLS at the older program's port; HTTP stays at this program's own port, on this machine."""
    if not (done.values.get("tls_certificate") and done.values.get("tls_key")):
        return
    port, bind = done.values.pop("port", ""), done.values.pop("bind", "")
    done.defaulted -= {"port", "bind"}
    if port and bind:
        places = [f"https://{in_url(address)}:{port}" for address in bind.replace(",", " ").split()]
        done.set("listen", " ".join(places), "the HTTPS port")
    else:
        done.note("HTTPS: this camera needs a port of its own: camN_listen=https://ADDRESS:PORT", "listen")


def _explicit(done: Translation, name: str, text: str, written: str) -> None:
    done.defaulted.discard(name)
    done.values.pop(name, None)
    done.set(name, text, written)


FACTS: Mapping[str, Callable[[Translation, list[str]], None]] = MappingProxyType(
    {
        "ip_version": _ip_version,
        "address4": _ip_version,
        "address6": _ip_version,
        "encoder": _encoder,
        "every": _every,
        "wait": _wait,
        "log_file": _log_file,
        "tuning": _tuning,
        "snapshot_height": _heights,
        "stream_height": _heights,
        "video_height": _heights,
        "still_width": _snapshot_size,
        "still_height": _snapshot_size,
        "index": _index,
        "unix": _unix,
        "login": _login,
    }
)
