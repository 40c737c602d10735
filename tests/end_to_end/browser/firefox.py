"""Debian's Firefox, driven by WebDriver BiDi without a separate driver.

https://w3c.github.io/webdriver-bidi/
"""

import asyncio
import itertools
import json
import shutil
import tempfile
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.end_to_end.browser.tab import Tab

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
EVENTS = ["log.entryAdded", "network.beforeRequestSent"]


class Firefox(Tab):
    """A tab of a running Firefox, with its errors and warnings."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tab = ""

    async def begin(self) -> None:
        """Start a session, and subscribe to the events of the first tab."""
        await self.command("session.new", capabilities={})
        tree = await self.command("browsingContext.getTree")
        self._tab = tree["contexts"][0]["context"]
        await self.command("session.subscribe", events=EVENTS, contexts=[self._tab])

    async def goto(self, url: str) -> None:
        """Open a page, and wait until it is loaded with all resources in its HTML."""
        await self.command("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or of its promise, converted by JSON."""
        answer = await self.command(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))",
            target={"context": self._tab},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def resize(self, width: int, height: int) -> None:
        """Give the page another size, in CSS pixels."""
        viewport = {"width": width, "height": height}
        await self.command("browsingContext.setViewport", context=self._tab, viewport=viewport)

    async def photograph(self, width: int, height: int) -> bytes:
        """Return a PNG of the upper left corner of the tab."""
        clip = {"type": "box", "x": 0, "y": 0, "width": width, "height": height}
        answer = await self.command("browsingContext.captureScreenshot", context=self._tab, clip=clip)
        return b64decode(answer["data"])

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to the browser, and return its answer.

        Raises:
            RuntimeError: with the browser's message, when it refuses the command.
            ConnectionError: when the browser has ended.
        """
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        answer = await self._answers[number]
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def listen(self) -> None:
        """Receive messages until the browser ends."""
        async for message in self._socket:
            data = message.json()
            if data["type"] == "event":
                self._on_event(data["method"], data["params"])
            else:
                self._answers.pop(data["id"]).set_result(data)
        for answer in self._answers.values():
            answer.set_exception(ConnectionError("Firefox has ended"))

    def _on_event(self, event: str, params: dict[str, Any]) -> None:
        if event == "network.beforeRequestSent":
            self.requests.append(params["request"]["url"])
        elif params["level"] in ("error", "warn"):
            self.complaints.append(params["text"])


@asynccontextmanager
async def firefox(program: str) -> AsyncIterator[Firefox]:
    """Run Firefox with a temporary profile."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr
        address = await _address(process.stderr)
        unread = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
        try:
            async with ClientSession() as http, http.ws_connect(f"{address}/session", max_msg_size=0) as socket:
                tab = Firefox(socket)
                listening = asyncio.create_task(tab.listen())
                await tab.begin()
                yield tab
            await listening
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            await unread


async def _address(stderr: asyncio.StreamReader) -> str:
    lines = []
    async for line in stderr:
        lines.append(line.decode())
        if "WebDriver BiDi listening on" in lines[-1]:
            return lines[-1].split()[-1]
    raise ConnectionError(f"Firefox ended: {''.join(lines)}")
