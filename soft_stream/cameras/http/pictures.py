"""The pictures of one answer of a server: those of a stream, or the one of a snapshot."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote

from aiohttp import ClientResponse, hdrs
from yarl import URL

from soft_stream.cameras.http import faults
from soft_stream.cameras.http.parts import LARGEST, BadPart, read_parts
from soft_stream.cameras.http.timestamps import MONOTONIC, TIMESTAMP, CaptureTimes
from soft_stream.frames.multipart import LABEL, NOTICE, REASON, REPEAT
from soft_stream.message import Message

# What servers call a JPEG; a program of an older camera may not name a type at all.
SNAPSHOT_TYPES = ("image/jpeg", "image/jpg", "image/pjpeg", "application/octet-stream")
MULTIPART_TYPES = ("multipart/x-mixed-replace", "multipart/mixed")
# ustreamer sends a picture of its own while its camera gives none, and says so
USTREAMER_ONLINE = "X-UStreamer-Online"


@dataclass(slots=True)
class Picture:
    """A JPEG as it has arrived; `captured_at` is in monotonic seconds."""

    data: bytes
    captured_at: float
    is_judged: bool = False
    """Whether the server is one of this kind, which says itself when its picture is not live."""


@dataclass(slots=True)
class Notice:
    """The server is there and says why it has no live picture: its placeholder is none."""

    why: str


class Pictures:
    """Reads one answer."""

    def __init__(self, url: URL, answer: ClientResponse) -> None:
        self._url = url
        self._answer = answer
        self._times = CaptureTimes(answer.headers)
        self._last: tuple[str, bytes] | None = None
        """The time and the bytes of the last picture, by which one that is sent again is known."""
        self.is_stream = answer.content_type in MULTIPART_TYPES

    async def read(self) -> AsyncIterator[Picture | Notice | None]:
        """Yield each picture, and each reason why there is none; None is a picture that was sent before.

        Raises:
            HttpFault: the answer is something else, or ends.
        """
        answer = self._answer
        if answer.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise faults.broken(self._url, "it is compressed")
        if answer.content_type in SNAPSHOT_TYPES and hdrs.CONTENT_TYPE in answer.headers:
            yield self._judge(answer.headers, await self._snapshot())
            return
        if not self.is_stream:
            raise faults.wrong_type(self._url, answer.headers.get(hdrs.CONTENT_TYPE, ""))
        boundary = _boundary_of(answer.headers[hdrs.CONTENT_TYPE])
        if not boundary or len(boundary) > 200 or '"' in boundary:
            raise faults.broken(self._url, "its content type names no boundary")
        try:
            async for part in read_parts(boundary, answer.content):
                yield self._judge(part.headers, part.data)
        except BadPart as error:
            raise faults.broken(self._url, str(error)) from error
        raise faults.unreachable(self._url, ConnectionError("the stream has ended"))

    async def _snapshot(self) -> bytes:
        length = self._answer.content_length or 0
        if length > LARGEST:
            raise faults.broken(self._url, f"a picture has {length} bytes; the most are {LARGEST}")
        pieces, total = [], 0
        while piece := await self._answer.content.readany():
            pieces.append(piece)
            total += len(piece)
            if total > LARGEST:
                raise faults.broken(self._url, f"a picture has more than {LARGEST} bytes")
        return b"".join(pieces)

    def _judge(self, headers: Mapping[str, str], data: bytes) -> Picture | Notice | None:
        label = headers.get(LABEL, "")
        if label == NOTICE or headers.get(USTREAMER_ONLINE, "true").lower() == "false":
            why = faults.excerpt(unquote(headers.get(REASON, ""), errors="replace")) or "it says so"
            template = "{server} has no live picture: {why}"
            return Notice(Message("http_not_live", template, server=faults.server_of(self._url), why=why))
        captured_at = self._times.of(headers)
        this = (headers.get(TIMESTAMP, ""), data)
        is_repeated = label == REPEAT or (this[0] and this == self._last)
        self._last = this
        return None if is_repeated else Picture(data, captured_at, MONOTONIC in headers)


def _boundary_of(content_type: str) -> str:
    header = EmailMessage()
    header[hdrs.CONTENT_TYPE] = content_type
    return header.get_boundary("") or ""
