"""Debian's Firefox, driven as every Firefox can be: by WebDriver BiDi, without a driver between.

https://w3c.github.io/webdriver-bidi/
"""

import asyncio
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
EVENTS = ["log.entryAdded", "network.beforeRequestSent"]


class Firefox:
    """A tab of a running Firefox, and what it had to complain about."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tab = ""

    async def begin(self) -> None:
        """Take the tab that is there, and listen to what happens in it."""
        await self.command("session.new", capabilities={})
        tree = await self.command("browsingContext.getTree")
        self._tab = tree["contexts"][0]["context"]
        await self.command("session.subscribe", events=EVENTS, contexts=[self._tab])

    async def goto(self, url: str) -> None:
        """Open a page; returns when it is loaded, with everything that stands in its HTML."""
        await self.command("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """Return what a JavaScript expression, or the promise that it is, comes to; it passes through JSON."""
        answer = await self.command(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))",
            target={"context": self._tab},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true; the test run's own limit ends a wait that is in vain."""
        while not await self.evaluate(expression):  # noqa: ASYNC110 # the page tells nothing by itself
            await asyncio.sleep(0.02)

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Let the browser do something; return its answer.

        Raises:
            RuntimeError: with the browser's sentence, when it does not do that.
            ConnectionError: when the browser is gone.
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
        """Take what the browser sends, until it ends."""
        async for message in self._socket:
            said = message.json()
            if said["type"] == "event":
                self._happened(said["method"], said["params"])
            else:
                self._answers.pop(said["id"]).set_result(said)
        for answer in self._answers.values():
            answer.set_exception(ConnectionError("Firefox is gone"))

    def _happened(self, event: str, params: dict[str, Any]) -> None:
        if event == "network.beforeRequestSent":
            self.requests.append(params["request"]["url"])
        elif params["level"] in ("error", "warn"):
            self.complaints.append(params["text"])


@asynccontextmanager
async def firefox(program: str) -> AsyncIterator[Firefox]:
    """Run Firefox with a profile of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr
        address = await _address(process.stderr)
        unheard = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
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
            await unheard


async def _address(stderr: asyncio.StreamReader) -> str:
    said = []
    async for line in stderr:
        said.append(line.decode())
        if "WebDriver BiDi listening on" in said[-1]:
            return said[-1].split()[-1]
    raise ConnectionError(f"Firefox ended: {''.join(said)}")
