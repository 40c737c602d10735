"""The stream that `soft-stream view` shows: it comes back by itself, and never shows an old frame as a live one."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO

import aiohttp
from PIL import Image
from yarl import URL

from soft_stream.config.text import one_line
from soft_stream.config.urls import without_secrets
from soft_stream.diagnostics.processes import NEEDS_LOGIN
from soft_stream.frames import multipart
from soft_stream.frames.frame import Frame

# Seconds until the answer begins: the process may have to open its camera.
PATIENCE = 30.0
# Seconds without a frame after which the window says so, and after which the connection is made again. The streams of
# this program have a frame each second.
SILENCE, DEAD = 3.0, 15.0
# Seconds between two attempts to connect, and between two pictures that say that there is no frame.
PAUSE = 1.0
# Bytes of a frame; the server may be any.
MAX_FRAME = 64_000_000
# The size of the picture before the first frame.
FIRST_SIZE = (640, 480)
MULTIPART = "multipart/x-mixed-replace"


class NoStream(Exception):
    """The server gives no stream; the message says why."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(one_line(f"{where}: {reason}" if where else reason))
        self.reason = one_line(reason)
        """Without the URL, which is too long for the picture."""


class LoginRefused(NoStream):
    """The server does not accept the login, or wants one."""


@dataclass(frozen=True)
class Address:
    """Where a stream is."""

    url: str
    """Without a login."""
    authorization: str = ""
    """The value of the header; it is never printed."""
    unix_socket: str = ""
    verify: bool = True
    """Whether the certificate is checked; that of a process of this machine may be self-signed."""


Addresses = Callable[[], Sequence[Address]]
"""Returns the addresses to try in turn; for each connection anew, because a login may be for a short time."""


@asynccontextmanager
async def connected(addresses: Addresses) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield the JPEGs of a stream until it ends.

    Raises:
        NoStream: no address gives one.
    """
    async with AsyncExitStack() as stack:
        response, error = None, NoStream("there is no address")
        for address in await asyncio.to_thread(addresses):
            try:
                response = await stack.enter_async_context(_opened(address))
                break
            except NoStream as reason:
                error = reason
        if response is None:
            raise error
        yield await stack.enter_async_context(aclosing(_jpegs(response)))


@asynccontextmanager
async def _opened(address: Address) -> AsyncIterator[aiohttp.ClientResponse]:
    shown = without_secrets(address.url)
    headers = {"Accept-Encoding": "identity"}
    if address.authorization:
        headers["Authorization"] = address.authorization
    connector = aiohttp.UnixConnector(address.unix_socket) if address.unix_socket else None
    async with AsyncExitStack() as stack:
        timeout = aiohttp.ClientTimeout(total=None)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=timeout))
        try:
            async with asyncio.timeout(PATIENCE):
                request = session.get(URL(address.url, encoded=True), headers=headers, ssl=address.verify)
                response = await stack.enter_async_context(request)
        except TimeoutError:
            raise NoStream(f"no answer for {PATIENCE:g} s", shown) from None
        except aiohttp.ClientConnectorCertificateError as error:
            advice = "SSL_CERT_FILE=FILE before the command names a certificate to trust"
            raise NoStream(f"{error.certificate_error}; {advice}", shown) from None
        except aiohttp.ClientConnectorError as error:
            raise NoStream((error.os_error.strerror or "no connection").lower(), shown) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoStream(without_secrets(str(error)) or type(error).__name__, shown) from None
        if response.status in NEEDS_LOGIN:
            raise LoginRefused(f"the server wants another login (status {response.status})", shown)
        if response.status != 200:
            raise NoStream(f"the answer has the status {response.status} ({response.reason})", shown)
        if response.content_type != MULTIPART:
            raise NoStream(f"the answer is {response.content_type}, and not an MJPEG stream ({MULTIPART})", shown)
        yield response


async def _jpegs(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Yield the parts of a response.

    Raises:
        NoStream: the response is broken, or has a frame that is too large.
    """
    try:
        reader = aiohttp.MultipartReader.from_response(response)
        while part := await reader.next():
            if not isinstance(part, aiohttp.BodyPartReader):
                raise NoStream("the stream has a part that is no picture")
            jpeg = bytearray()
            while chunk := await part.read_chunk(65536):
                jpeg += chunk
                if len(jpeg) > MAX_FRAME:
                    raise NoStream(f"the stream has a frame of more than {MAX_FRAME // 1_000_000} MB")
            if jpeg.startswith(b"\xff\xd8"):
                yield bytes(jpeg)
    except (aiohttp.ClientError, OSError, ValueError, AssertionError) as error:
        if response.content.at_eof():
            return
        raise NoStream(f"the stream broke: {error or type(error).__name__}") from None


class LiveStream:
    """The newest picture of a stream: a frame, or the last one dimmed with the reason why there is no newer one."""

    def __init__(self, addresses: Addresses, title: str) -> None:
        self._addresses = addresses
        self._title = title
        self._picture = b""
        self._has_new = asyncio.Event()
        self._last: bytes | None = None
        self._last_at = time.monotonic()

    async def run(self, frames: AsyncIterator[bytes]) -> None:
        """Show frames; connect again when they end, until the login is refused.

        Raises:
            LoginRefused: the login was accepted before, and is no longer.
        """
        reason = await self._show_all(frames)
        while True:
            print(f"{self._title}: {reason}; connecting again", file=sys.stderr, flush=True)
            reason = await self._reconnect(reason)

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the newest picture each time there is one, as a part of a multipart stream; others are left out."""
        yield multipart.OPENING
        while True:
            await self._has_new.wait()
            self._has_new.clear()
            yield multipart.make_part(self._picture, time.time_ns() / 1e9, time.monotonic())

    async def _reconnect(self, reason: str) -> str:
        """Try to connect until there is a stream, show it to its end, and return why it ended."""
        while True:
            await self._show_notice(reason)
            await asyncio.sleep(PAUSE)
            try:
                async with connected(self._addresses) as frames:
                    return await self._show_all(frames)
            except LoginRefused:
                raise
            except NoStream as error:
                reason = error.reason

    async def _show_all(self, frames: AsyncIterator[bytes]) -> str:
        """Show frames until they end or stay away, and return why."""
        since = time.monotonic()
        waiting = asyncio.ensure_future(anext(frames, None))
        try:
            while True:
                silence = time.monotonic() - since
                if silence > DEAD:
                    return f"no frame for {DEAD:g} s"
                done, _ = await asyncio.wait([waiting], timeout=PAUSE if silence >= SILENCE else SILENCE - silence)
                if not done:
                    await self._show_notice(f"no frame for {time.monotonic() - since:.0f} s")
                    continue
                try:
                    jpeg = waiting.result()
                except NoStream as error:
                    return error.reason
                if jpeg is None:
                    return "the server has ended the stream"
                since = self._last_at = time.monotonic()
                self._last = jpeg
                self._show(jpeg)
                waiting = asyncio.ensure_future(anext(frames, None))
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])

    async def _show_notice(self, reason: str) -> None:
        age = f"last picture {time.monotonic() - self._last_at:.0f} s ago"
        self._show(await asyncio.to_thread(_draw, self._last, (f"{self._title}: not live", reason, age)))

    def _show(self, jpeg: bytes) -> None:
        self._picture = jpeg
        self._has_new.set()


def _draw(last: bytes | None, lines: tuple[str, ...]) -> bytes:
    """Draw lines of text on the last frame, in its size."""
    from soft_stream.frames.overlay import draw_placeholder

    size = FIRST_SIZE
    if last:
        try:
            size = Image.open(BytesIO(last)).size
        except OSError:
            last = None
    return draw_placeholder(Frame(last or b"", 0, size, 0.0, 0.0), lines)
