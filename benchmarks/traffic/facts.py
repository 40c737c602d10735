"""Facts about the bytes of a response: its head, its JPEGs, and the bytes between them with their times."""

import re
from dataclasses import dataclass
from functools import cached_property

from wire import END_OF_JPEG, Exchange

BEGIN_OF_JPEG = b"\xff\xd8"
# bytes that arrive this share of an interval before a JPEG did not arrive together with it
BEFORE = 0.2


@dataclass(frozen=True)
class Head:
    """The status line and the headers, unchanged."""

    status_line: str
    headers: list[tuple[str, str]]

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.status_line.split()[1])

    def get(self, name: str) -> str:
        """Return the value of a header; "" if it is missing."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")


class Answer:
    """The response to one request."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        head, blank, self.body = exchange.bytes.partition(b"\r\n\r\n")
        self.body_at = len(head) + len(blank)
        first, *lines = head.decode("latin-1").split("\r\n")
        self.head = Head(first, [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)])

    def __bool__(self) -> bool:
        return bool(self._exchange.answer)

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of JPEGs."""
        return self.head.get("Content-Type").startswith("multipart/")

    @cached_property
    def pictures(self) -> list[tuple[int, int]]:
        """The first and last position of each JPEG in the body."""
        found, end = [], 0
        while (begin := self.body.find(BEGIN_OF_JPEG, end)) >= 0 and (last := self.body.find(END_OF_JPEG, begin)) >= 0:
            end = last + len(END_OF_JPEG)
            found.append((begin, end))
        return found

    @property
    def before_first(self) -> bytes:
        """The bytes before the first JPEG."""
        return self.body[: self.pictures[0][0]]

    @property
    def between(self) -> bytes:
        """The bytes between the first and the second JPEG."""
        return self.body[self.pictures[0][1] : self.pictures[1][0]]

    @property
    def well_before_first(self) -> bytes:
        """Those of them that arrived well before the first JPEG, without waiting for it."""
        return self._came_until(0, self.before_first, self._came(self.pictures[0][0]) - BEFORE * self._interval)

    @property
    def soon_after_first(self) -> bytes:
        """Those of them that followed the first JPEG without waiting for the second."""
        end = self.pictures[0][1]
        return self._came_until(end, self.between, self._came(end - 1) + self._interval / 2)

    @property
    def is_whole_at_once(self) -> bool:
        """Whether the end of the first JPEG arrived together with its beginning."""
        begin, end = self.pictures[0]
        return self._came(end - 1) - self._came(begin) < self._interval / 2

    @property
    def part_headers(self) -> list[tuple[str, str]]:
        """The headers of the first part."""
        lines = [line for line in re.split("\r?\n", self.before_first.decode("latin-1")) if ":" in line]
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    @property
    def lengths(self) -> tuple[str, int]:
        """The Content-Length of the first part ("" if there is none), and the true length of its JPEG."""
        told = next((value for name, value in self.part_headers if name.lower() == "content-length"), "")
        begin, end = self.pictures[0]
        return told, end - begin

    @property
    def _interval(self) -> float:
        (_, first), (_, second) = self.pictures[:2]
        return self._came(second - 1) - self._came(first - 1)

    def _came(self, offset: int) -> float:
        return self._exchange.arrival(self.body_at + offset)

    def _came_until(self, offset: int, text: bytes, limit: float) -> bytes:
        return bytes(byte for at, byte in enumerate(text, offset) if self._came(at) <= limit)


def pieces(text: bytes) -> str:
    """Describe the bytes between two JPEGs: line ends, boundary, headers."""
    found = re.fullmatch(rb"(\r\n)?(--[^\r\n]+(\r?\n))?(.*)", text, re.DOTALL)
    assert found  # noqa: S101 # every part of the pattern is optional
    ending, boundary, boundary_ending, headers = found.groups()
    words = ["CRLF"] if ending else []
    words += ["boundary LF" if boundary_ending == b"\n" else "boundary CRLF"] if boundary else []
    words += ["headers"] if headers else []
    return ", ".join(words) or "nothing"
