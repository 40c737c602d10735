"""Home Assistant's "MJPEG IP Camera": the check of its address, the still, and the stream of its card.

https://github.com/home-assistant/core/blob/dev/homeassistant/components/mjpeg/camera.py and config_flow.py,
https://github.com/home-assistant/core/blob/dev/homeassistant/helpers/aiohttp_client.py

- The addresses are right when their status is; nothing else is looked at.
- A still without an address of its own is cut out of the stream: from the first FF D8 to the first FF D9, which a
  thumbnail would bring too early. The stream is read in pieces of 102400 bytes, each of which has to be full.
- The card gets the answer's Content-Type word for word and its bytes as they come. A silence of ten seconds ends it,
  and the card stays frozen.
"""

from collections.abc import Generator

from tests.end_to_end.clients.parsers.client import Client, GaveUp, Head, WaitingClient

READ_SIZE = 102400
LONGEST_SILENCE = 10.0  # seconds
UNAUTHORIZED = 401
BAD_REQUEST = 400


def check_address(head: Head) -> None:
    """Accept an address of a stream or of a still in the form that adds the camera.

    Raises:
        GaveUp: with the key of the message in the form.
    """
    if head.status == UNAUTHORIZED:
        raise GaveUp("invalid_auth")
    if head.status >= BAD_REQUEST:
        raise GaveUp("cannot_connect")


class HomeAssistantStill(WaitingClient):
    """A still out of the stream: `extract_image_from_mjpeg`."""

    def frames(self) -> Generator[bytes | None, None, None]:
        """Yield one JPEG and hang up."""
        data = b""
        while piece := (yield from self.incoming.peek(READ_SIZE)):
            data += yield from self.incoming.take(len(piece))
            end = data.find(b"\xff\xd9")
            start = data.find(b"\xff\xd8")
            if end >= 0 and start >= 0:
                yield data[start : end + 2]
                return


class HomeAssistantCard(Client):
    """The stream as the browser in front of Home Assistant gets it: `async_aiohttp_proxy_web`."""

    def __init__(self, browser: Client) -> None:
        super().__init__()
        self._browser = browser

    def open(self, head: Head) -> None:
        """Copy the Content-Type."""
        self._browser.feed(f"HTTP/1.1 200 OK\r\nContent-Type: {head.content_type}\r\n\r\n".encode())

    def read(self, chunk: bytes) -> None:
        """Pass on what one read gives."""
        for start in range(0, len(chunk), READ_SIZE):
            self.shown += self._browser.feed(chunk[start : start + READ_SIZE])

    def end(self) -> list[bytes]:
        """End the browser's answer, too."""
        rest = self._browser.end()
        self.shown += rest
        return rest
