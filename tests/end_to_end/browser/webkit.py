"""Debian's WebKit, the engine of Safari: MiniBrowser under Xvfb, driven by WebKitWebDriver.

https://w3c.github.io/webdriver/; a client of these few commands is smaller than Selenium, which would download drivers.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.end_to_end.browser.tab import PATIENCE, Tab
from tests.support.processes import free_port

DRIVER, XVFB = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
# the key of an element in answers: https://w3c.github.io/webdriver/#elements
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# Pixels, and bits per pixel. Wide enough for a desktop; MiniBrowser's window itself is at least 447 pixels wide.
SCREEN = "1300x900x24"
RESULT = """
const done = arguments[arguments.length - 1];
Promise.resolve(EXPRESSION).then((value) => done({ value: value ?? null }), (error) => done({ error: `${error}` }));
"""


class BrowserCrashed(Exception):
    """WebKit has ended by itself, which a test of this program can be repeated after."""


class Driver:
    """A running WebKitWebDriver, which starts MiniBrowser for a session."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.session = ""
        """The URL of the session; empty before the first one."""

    def begin(self) -> None:
        """Start a browser."""
        answer = _request("POST", f"{self._url}/session", {"capabilities": {}})
        self.session = f"{self._url}/session/{answer['sessionId']}"

    def has_crashed(self) -> bool:
        """Return True if the browser of the session has ended."""
        try:
            _request("GET", f"{self.session}/url")
        except RuntimeError:
            return True
        return False


class LostResult(RuntimeError):
    """The driver could not read the result of a script, which was seen once, beside other load."""


class WebKit(Tab):
    """The window of a running MiniBrowser, or a frame in it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def has_crashed(self) -> bool:
        """Return True if the browser has ended."""
        return self._driver.has_crashed()

    async def goto(self, url: str) -> None:
        """Open a page, and wait until it is loaded with all resources in its HTML."""
        await self.command("POST", "/frame", {"id": None})
        await self.command("POST", "/url", {"url": url})

    async def goto_in_frame(self, url: str, beside: str, width: int, height: int) -> None:
        """Open a page in a frame of a phone's size, and send all commands to that frame.

        `beside` is a URL of the same origin whose policy allows frames, such as that of plain text.
        """
        await self.goto(beside)
        await self.evaluate(f"""new Promise((loaded) => {{
            const frame = document.createElement("iframe");
            Object.assign(frame.style, {{ width: "{width}px", height: "{height}px", border: 0 }});
            Object.assign(frame, {{ src: "{url}", onload: () => loaded(true) }});
            document.body.replaceChildren(frame);
        }})""")
        await self.command("POST", "/frame", {"id": 0})

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or of its promise, converted by JSON."""
        script = RESULT.replace("EXPRESSION", expression)
        answer = await self.command("POST", "/execute/async", {"script": script, "args": []})
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true; it must change nothing, as it may be evaluated once more."""
        while True:
            with suppress(LostResult):
                return await super().until(expression)

    async def click(self, selector: str) -> None:
        """Click the first element that a CSS selector finds, in its middle, as a user does."""
        found = await self.command("POST", "/element", {"using": "css selector", "value": selector})
        await self.command("POST", f"/element/{found[ELEMENT]}/click", {})

    async def press(self, selector: str, keys: str) -> None:
        """Press keys while an element has the focus; https://w3c.github.io/webdriver/#keyboard-actions lists codes."""
        found = await self.command("POST", "/element", {"using": "css selector", "value": selector})
        await self.command("POST", f"/element/{found[ELEMENT]}/value", {"text": keys})

    async def command(self, method: str, path: str, body: "dict[str, Any] | None" = None) -> Any:
        """Send a command of the session, and return the value of its answer."""
        return await asyncio.to_thread(_request, method, f"{self._driver.session}{path}", body)


@contextmanager
def webkit() -> Iterator[Driver]:
    """Run WebKit with one session. All its processes end with the block, whatever happens."""
    assert DRIVER
    assert XVFB
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, _display(XVFB) as display:
        environ = {
            **os.environ,
            "DISPLAY": display,
            "HOME": home,
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": home,
            # root may not use the sandbox, and some containers offer none; only our own pages are opened
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
        }
        port = free_port()
        with _group([DRIVER, f"--port={port}"], env=environ) as driver:
            url = f"http://127.0.0.1:{port}"
            _wait_ready(url, driver)
            running = Driver(url)
            running.begin()
            yield running


@contextmanager
def _display(program: str) -> Iterator[str]:
    """Run Xvfb on a free display."""
    reading, writing = os.pipe()
    command = [program, "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    with os.fdopen(reading) as numbers, _group(command, pass_fds=[writing]):
        os.close(writing)
        number = numbers.readline().strip()  # an empty line if Xvfb has ended
        assert number, "Xvfb could not start"
        yield f":{number}"


@contextmanager
def _group(command: list[str], **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program; end it with all processes that it has started, or when this process is killed."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    bound = ["setpriv", "--pdeathsig", "KILL", "--", *command]
    with subprocess.Popen(bound, start_new_session=True, **quiet, **options) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_ready(url: str, driver: "subprocess.Popen[bytes]") -> None:
    """Wait until the driver listens."""
    while True:
        try:
            _request("GET", f"{url}/status")
        except OSError:
            assert driver.poll() is None, "WebKitWebDriver has ended"
            time.sleep(0.02)
        else:
            return


def _request(method: str, url: str, body: "dict[str, Any] | None" = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as refusal:
        with refusal:
            said = refusal.read().decode()
            kind = LostResult if "Could not parse script result" in said else RuntimeError
            raise kind(f"{method} {url}: {said}") from None
