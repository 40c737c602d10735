#!/usr/bin/env python3
"""Measures an MJPEG stream: frame rate, intervals and sizes; for any machine with Python 3.9 or newer.

Counts live frames; parts that the server labels as repeats or placeholders are counted separately. Exit status: 0 if
all frames arrived, 1 with an error message if not.
"""

import argparse
import base64
import http.client
import os
import statistics
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

CHUNK = 1 << 14


class StreamError(Exception):
    """The stream cannot be measured."""


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Measure an MJPEG stream.",
        epilog="The password is read from the environment variable SOFT_STREAM_PASSWORD, or from the URL: "
        "USER:PASSWORD@HOST.",
    )
    parser.add_argument("url", help="http://HOST:PORT/stream.mjpg, with USER@ before HOST if it requires a login")
    parser.add_argument("--frames", type=int, default=150, metavar="N", help="number of live frames to count (150)")
    parser.add_argument("--patience", type=float, default=15, metavar="S", help="seconds to wait for a live frame (15)")
    args = parser.parse_args()
    if args.frames < 2:
        parser.error("--frames must be 2 or more: an interval needs two frames")
    try:
        measure(args.url, args.frames, args.patience)
    except StreamError as error:
        print(f"measure_fps: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def measure(url: str, frames: int, patience: float) -> None:
    """Read parts until there are enough live frames, and print their figures."""
    labels: Counter[str] = Counter()
    times: list[float] = []
    sizes: list[int] = []
    with open_stream(url, patience) as stream:
        give_up_at = time.monotonic() + patience
        try:
            while len(times) < frames:
                headers, size = read_part(stream, give_up_at)
                now = time.monotonic()
                label = headers.get("x-frame", "live")
                labels[label] += 1
                if label == "live":
                    give_up_at = now + patience
                    times.append(now)
                    sizes.append(size)
        except OSError as error:  # also the time limit
            others = f", {dict(labels)} in total" if labels else ""
            raise StreamError(f"no live frame for {patience:g} s{others} ({error})") from None
        except http.client.HTTPException as error:
            raise StreamError(f"the stream ended early ({error!r})") from None
    report(times, sizes, labels)


def open_stream(url: str, timeout: float) -> http.client.HTTPResponse:
    """Request the stream; return the response."""
    try:
        address = urllib.parse.urlsplit(url)
        valid = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise StreamError(f"{url}: not an http or https address")
    host = address.netloc.rpartition("@")[2]
    request = urllib.request.Request(address._replace(netloc=host).geturl())  # noqa: S310 # checked above
    if address.username:
        password = urllib.parse.unquote(address.password or "") or os.environ.get("SOFT_STREAM_PASSWORD", "")
        login = f"{urllib.parse.unquote(address.username)}:{password}"
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    try:
        response = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310 # checked above
    except urllib.error.HTTPError as error:
        raise StreamError(f"{error.code} {error.reason}: {hint(error)}") from None
    except (OSError, UnicodeError, http.client.HTTPException) as error:  # URLError is an OSError
        raise StreamError(f"{host}: {getattr(error, 'reason', error)}") from None
    kind = response.headers.get("Content-Type", "nothing")
    if not kind.lower().startswith("multipart/x-mixed-replace"):
        raise StreamError(f"not a multipart stream but {kind}")
    return response  # type: ignore[no-any-return] # urlopen is not typed


def hint(error: urllib.error.HTTPError) -> str:
    """Return a short explanation of an error status, from the server if it sends one."""
    if error.code == 401:
        return "a login is needed: put USER@ before the host, and the password in SOFT_STREAM_PASSWORD"
    try:
        text = error.read(500).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException):
        text = ""
    return text if error.code == 503 and text else "not a stream"


def read_part(stream: http.client.HTTPResponse, give_up_at: float) -> tuple[dict[str, str], int]:
    """Read one part; return its headers (names in lower case) and the size of its JPEG in bytes."""
    headers: dict[str, str] = {}
    line = stream.readline()
    while line.strip() == b"" or line.startswith(b"--"):  # the end of the previous part, and the boundary
        if not line or line.rstrip().endswith(b"--"):
            raise StreamError("the stream ended early")
        line = stream.readline()
    while line.strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
        line = stream.readline()
    length = headers.get("content-length", "nothing")
    if not length.isdecimal() or len(length) > 9:
        raise StreamError(f"a part has no usable Content-Length but {length}")
    missing = int(length)
    while missing:
        if time.monotonic() > give_up_at:
            raise TimeoutError("the data arrives too slowly, or is not live")
        piece = stream.read1(min(missing, CHUNK))
        if not piece:
            raise StreamError("the stream ended early")
        missing -= len(piece)
    return headers, int(length)


def report(times: list[float], sizes: list[int], labels: Counter[str]) -> None:
    """Print the figures of the live frames."""
    gaps = sorted(1000 * (later - earlier) for earlier, later in zip(times, times[1:]))
    print(f"observed FPS    {(len(times) - 1) / (times[-1] - times[0]):.2f}  ({len(times)} live frames)")
    print(
        f"frame interval  p50 {statistics.median(gaps):.1f} ms, p95 {gaps[int(0.95 * (len(gaps) - 1))]:.1f} ms, "
        f"max {gaps[-1]:.1f} ms"
    )
    print(f"mean size       {statistics.mean(sizes) / 1000:.1f} kB")
    others = ", ".join(f"{count} {label}" for label, count in labels.items() if label != "live")
    print(f"not counted     {others or 'none'}")


if __name__ == "__main__":
    sys.exit(main())
