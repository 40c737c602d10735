#!/usr/bin/env python3
"""A client that checks every byte of every part, the order of the frames, and their age.

Prints a line of JSON for each tenth of the frames, and one with the totals when the camera has stopped, which a
placeholder shows. Then it stays connected until its standard input is closed.
"""

import argparse
import json
import re
import socket
import sys
import time
from array import array
from dataclasses import dataclass, field

from day_portal import number_of, picture

RECEIVED_AT_ONCE = 256 * 1024
SMALL_RECEIVE_BUFFER = 64 * 1024
TENTHS = 10
# longer than the server ever sends nothing to a client
PATIENCE = 60.0
LONGEST_HEAD = 1024
OPENING = b"\r\n\r\n--softstreamframe\r\n"
CLOSING = b"\r\n--softstreamframe\r\n"
HEADERS = re.compile(
    rb"Content-Type: image/jpeg\r\nContent-Length: (\d+)\r\nX-Timestamp: (\d+\.\d{6})\r\n"
    rb"X-Monotonic: \d+\.\d{6}\r\n(?:X-Frame: (repeat|notice)\r\n)?(?:X-Reason: [^\r]*\r\n)?\r\n"
)


class WrongStream(Exception):
    """The stream is not as the server should send it."""


@dataclass
class Seen:
    """Figures of the frames received so far."""

    tenths: list[int]
    """The number of the last frame of each tenth."""
    first: int = 0
    last: int = 0
    frames: int = 0
    """Number of live frames."""
    missed: int = 0
    repeats: int = 0
    began: float = 0.0
    """Start of this tenth, in Unix seconds."""
    arrived_at: float = 0.0
    """Arrival of the last frame, in Unix seconds."""
    ages: "array[float]" = field(default_factory=lambda: array("d"))
    """Ages of the frames of this tenth, in seconds."""

    def live(self, jpeg: bytes, captured_at: float, arrived_at: float) -> None:
        """Count a live frame.

        Raises:
            WrongStream: it is not newer than the previous one, or not the JPEG with its number.
        """
        number = number_of(jpeg)
        if number <= self.last:
            raise WrongStream(f"frame {number} comes after frame {self.last}")
        if jpeg != picture(number):
            raise WrongStream(f"frame {number} is not as it was captured")
        self.first = self.first or number
        self.missed += number - self.last - 1 if self.frames else 0
        self.frames += 1
        self.last, self.arrived_at = number, arrived_at
        self.began = self.began or arrived_at
        self.ages.append(arrived_at - captured_at)
        if self.tenths and number >= self.tenths[0]:
            del self.tenths[0]
            self._tell_tenth()

    def repeat(self, jpeg: bytes) -> None:
        """Count a repeat.

        Raises:
            WrongStream: it does not repeat the previous frame.
        """
        if number_of(jpeg) != self.last or jpeg != picture(self.last):
            raise WrongStream(f"the part after frame {self.last} does not repeat it")
        self.repeats += 1

    def tell(self) -> None:
        """Print the totals."""
        print(json.dumps({each: getattr(self, each) for each in ("first", "last", "frames", "missed", "repeats")}))

    def _tell_tenth(self) -> None:
        ages = sorted(self.ages)
        facts = {"frames": len(ages), "seconds": self.arrived_at - self.began}
        for name, place in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            facts[f"age_{name}"] = ages[int(place * (len(ages) - 1))]
        print(json.dumps(facts), flush=True)
        self.began = self.arrived_at
        del self.ages[:]


def opened(connection: socket.socket) -> bytearray:
    """Read the head of the response and the first boundary; return the bytes after them.

    Raises:
        WrongStream: it is no stream.
    """
    received = bytearray()
    while OPENING not in received:
        if not (chunk := connection.recv(LONGEST_HEAD)):
            raise WrongStream(f"the answer ends with {bytes(received)!r}")
        received += chunk
    head, _, rest = received.partition(OPENING)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise WrongStream(f"the answer begins with {bytes(head)!r}")
    return rest


def read(connection: socket.socket, seen: Seen, most: int, pause: float) -> None:
    """Read until the camera has stopped, at most `most` bytes at a time, with a pause after each read.

    Raises:
        WrongStream: something is not as it should be.
        TimeoutError: nothing comes any more.
    """
    received = opened(connection)
    while chunk := connection.recv(most):
        arrived_at = time.time()
        received += chunk
        at = 0
        while headers := HEADERS.match(received, at):
            end = headers.end() + int(headers[1])
            after = end + len(CLOSING)
            if len(received) < after:
                break
            if received[end:after] != CLOSING:
                raise WrongStream(f"no boundary where the part after frame {seen.last} ends")
            jpeg = bytes(received[headers.end() : end])
            if headers[3] == b"notice":
                return
            if headers[3]:
                seen.repeat(jpeg)
            else:
                seen.live(jpeg, float(headers[2]), arrived_at)
            at = after
        if headers is None and len(received) - at > LONGEST_HEAD:
            raise WrongStream(f"no part begins with {bytes(received[at : at + LONGEST_HEAD])!r}")
        del received[:at]
        time.sleep(pause)
    raise WrongStream(f"the stream has ended after frame {seen.last}")


def main() -> int:
    """Read a stream until the camera stops; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True, help="number of frames that the camera sends")
    parser.add_argument("--name", default="", help="name of the client in /status.json")
    parser.add_argument("--most", type=int, default=RECEIVED_AT_ONCE, help="bytes to read at a time")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds of pause after each read")
    args = parser.parse_args()
    ends = [args.frames * tenth // TENTHS for tenth in range(1, TENTHS)]
    seen = Seen([*ends, args.frames - args.frames // 100])  # not at the very end, where the camera stops
    with socket.socket() as connection:
        connection.settimeout(PATIENCE)
        if args.pause:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
        connection.connect(("127.0.0.1", args.port))
        connection.sendall(f"GET /stream.mjpg?client={args.name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        try:
            read(connection, seen, args.most, args.pause)
        except (WrongStream, TimeoutError) as fault:
            print(f"{args.name}: {fault}", file=sys.stderr)
            return 1
        seen.tell()
        sys.stdout.flush()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
