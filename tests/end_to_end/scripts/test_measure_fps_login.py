"""scripts/measure_fps.py with a login: from a file, standard input, the URL and the environment."""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from soft_stream.frames import multipart
from tests.support.checkout import ROOT

SCRIPT = ROOT / "scripts" / "measure_fps.py"
TOKEN = "css_" + "kJ9-_x" * 7 + "w"
NAME, PASSWORD = "anna", "a:b@c/d#e%41 ü"
IN_URL = "a%3Ab%40c%2Fd%23e%2541%20%C3%BC"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Serve a stream for the user anna and for a token; others get 403, or 401 with no login."""

    async def answer(request: web.Request) -> web.Response:
        sent = request.headers.get("Authorization", "")
        if not sent:
            return web.Response(status=401, text="A login is needed.")
        if sent not in (basic(NAME, PASSWORD), basic("x", TOKEN), f"Bearer {TOKEN}"):
            return web.Response(status=401 if "wrong" in request.path else 403, text="This needs the role view.")
        return web.Response(
            body=multipart.OPENING + multipart.make_part(b"x" * 1000, 0, 0) * 3,
            headers={"Content-Type": multipart.CONTENT_TYPE},
        )

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/stream.mjpg"
    await runner.cleanup()


def basic(name: str, password: str) -> str:
    """Return the header of a user, with the password in UTF-8."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def measure(*arguments: str, typed: str = "", **environ: str) -> tuple[int, str]:
    """Run the program; return its exit status, and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), "--frames", "2", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | environ,
    )
    out, _ = await process.communicate(typed.encode())
    assert process.returncode is not None
    return process.returncode, out.decode()


def file_of(folder: Path, text: str, mode: int = 0o600) -> str:
    """Write a file with a login."""
    file = folder / "login"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    file.chmod(mode)
    return str(file)


@pytest.mark.parametrize(
    "login", [f"{NAME}:{PASSWORD}\n", f"{NAME}:{PASSWORD}\r\nmore", f"x:{TOKEN}", TOKEN, f"{TOKEN}\n"]
)
async def test_a_login_from_a_file_or_standard_input(url: str, tmp_path: Path, login: str) -> None:
    """The first line is a user and a password, with all characters after the first colon, or a token."""
    for arguments, typed in ((file_of(tmp_path, login), ""), ("-", login)):
        # a locale without UTF-8 changes nothing
        status, said = await measure(url, "--login-file", arguments, typed=typed, LC_ALL="C")
        assert (status, "(2 live frames)" in said) == (0, True), said


async def test_a_login_in_the_url(url: str) -> None:
    """Characters of a password are percent-encoded; without a password it is in the environment, as it is."""
    for login, environ in (
        (f"anna:{IN_URL}", {}),
        ("anna", {"SOFT_STREAM_PASSWORD": PASSWORD}),
        (f"x:{TOKEN}", {}),
        ("any", {"SOFT_STREAM_PASSWORD": "wrong"}),
    ):
        status, said = await measure(url.replace("//", f"//{login}@"), **environ)
        assert (status, "(2 live frames)" in said) == ((0, True) if login != "any" else (1, False)), said


async def test_the_file_has_priority(url: str, tmp_path: Path) -> None:
    """A login in the URL is not sent then."""
    status, said = await measure(url.replace("//", "//anna:other@"), "--login-file", file_of(tmp_path, TOKEN))
    assert (status, "(2 live frames)" in said) == (0, True)


async def test_a_login_that_is_refused(url: str, tmp_path: Path) -> None:
    """The message has the reason, and no password."""
    file = file_of(tmp_path, "anna:s3cret")
    status, said = await measure(url.replace("stream", "wrong"), "--login-file", file)
    assert (status, said) == (1, "measure_fps: 401 Unauthorized: the login is wrong\n")
    status, said = await measure(url, "--login-file", file)
    assert (status, said) == (1, "measure_fps: 403 Forbidden: This needs the role view.\n")
    status, said = await measure(url)
    assert status == 1
    assert said.startswith("measure_fps: 401 Unauthorized: a login is needed: --login-file FILE")


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("anna:s3cret", 0o640, "other users can read it; chmod 600 "),
        ("anna:s3cret", 0o604, "other users can read it; chmod 600 "),
        ("", 0o600, "its first line must be USER:PASSWORD or a token"),
        ("\nanna:s3cret", 0o600, "its first line must be USER:PASSWORD or a token"),
        ("anna s3cret", 0o600, "its first line must be USER:PASSWORD or a token"),
        ("anna:", 0o600, "its first line must be USER:PASSWORD or a token"),
        (":s3cret", 0o600, "its first line must be USER:PASSWORD or a token"),
        ("s3cret\x7f", 0o600, "its first line must be USER:PASSWORD or a token"),
        ("anna:s3cret\udcff", 0o600, "not a text file"),
    ],
)
async def test_a_file_that_is_not_used(url: str, tmp_path: Path, text: str, mode: int, message: str) -> None:
    """One line on stderr has the reason, and nothing of the file."""
    file = file_of(tmp_path, text, mode)
    status, said = await measure(url, "--login-file", file)
    assert (status, said.count("\n"), "s3cret" in said) == (1, 1, False)
    assert said.startswith(f"measure_fps: {file}: {message}")


async def test_a_file_that_does_not_exist(url: str, tmp_path: Path) -> None:
    """The message says so."""
    status, said = await measure(url, "--login-file", str(tmp_path / "none"))
    assert (status, said) == (1, f"measure_fps: {tmp_path}/none: No such file or directory\n")
