"""The stream that `soft-stream view` is asked for: that of a camera of this machine, or that of a URL."""

import asyncio
import sys
from base64 import b64encode
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from soft_stream.cli.live_stream import Address, Addresses
from soft_stream.cli.options import LAST_CAMERA, load_readable
from soft_stream.cli.running import find_elsewhere
from soft_stream.config.loader import LoadedConfig
from soft_stream.config.text import one_line
from soft_stream.config.urls import without_secrets
from soft_stream.diagnostics import processes
from soft_stream.diagnostics.camera_report import ask_all, of_reply
from soft_stream.diagnostics.processes import NEEDS_LOGIN
from soft_stream.service.exit_status import ExitStatus


class Refused(Exception):
    """Nothing can be shown; the message says why, and what helps."""

    def __init__(self, sentence: str, status: ExitStatus = ExitStatus.CHECK_FAILED) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Target:
    """A stream, its title, and the address to open in a browser."""

    addresses: Addresses
    title: str
    page: str


def target_of(text: str, env_file: Path | None, login: Path | None) -> Target:
    """Return the stream of the number of a camera, or of a URL.

    Raises:
        Refused: the text is neither, no process listens, or there is no login.
    """
    return _of_camera(text, env_file, login) if text.isdecimal() else _of_url(text, login)


def _of_camera(text: str, env_file: Path | None, login: Path | None) -> Target:
    """Return the stream of the process of a camera.

    Raises:
        Refused: no process listens, or this user may not use it.
    """
    number = int(text) if len(text) <= len(str(LAST_CAMERA)) else LAST_CAMERA + 1
    if number > LAST_CAMERA:
        raise Refused(f"{text}: must be the number of a camera from 0 to {LAST_CAMERA}, or a URL")
    if login:
        raise Refused("--login: it is for a URL; for a camera of this machine run the command with sudo")
    settings = asyncio.run(_find_process(load_readable(env_file, number), number)).cameras[number]
    path = f"/cam{number}/stream.mjpg?client=view"

    def addresses() -> list[Address]:
        authorization = processes.authorization_of(settings)
        return [
            Address(f"http://localhost{path}" if each.path else f"{each}{path}", authorization, each.path, verify=False)
            for each in processes.reachable(settings)
        ]

    return Target(addresses, one_line(settings.title), f"{settings.local_url}/")


async def _find_process(loaded: LoadedConfig, number: int) -> LoadedConfig:
    """Return the settings of the running process of a camera.

    Raises:
        Refused: there is none, or this user may not use it.
    """
    loaded, replies = await ask_all(replace(loaded, cameras={number: loaded.cameras[number]}), find_elsewhere)
    report = of_reply(loaded.cameras[number], replies[number], loaded.file)
    if report.is_down:
        is_refused = replies[number].status in NEEDS_LOGIN
        status = ExitStatus.CHECK_FAILED if is_refused else ExitStatus.TEMPORARY_FAILURE
        raise Refused(f"Camera {number}: {report.problem}" + (f": {report.fix}" if report.fix else ""), status)
    return loaded


def _of_url(url: str, login: Path | None) -> Target:
    """Return the stream of a URL.

    Raises:
        Refused: it is no URL of a web server, or the file with the login cannot be read.
    """
    shown = without_secrets(url)
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web or not url.isprintable() or " " in url:
        raise Refused(f"{shown}: must be the number of a camera, or a URL such as http://10.0.0.5:8081/stream.mjpg")
    user_info, _, host = parts.netloc.rpartition("@")
    authorization = _authorization(unquote(user_info)) if user_info else ""
    if login:
        authorization = _authorization(_read_login(login))
    path = parts.path if parts.path.strip("/") or parts.query else "/stream.mjpg"
    bare = parts._replace(netloc=host, path=path, fragment="").geturl()
    address = Address(bare, authorization)
    return Target(lambda: [address], host, without_secrets(bare))


def _read_login(file: Path) -> str:
    try:
        with sys.stdin if file == Path("-") else file.open(encoding="utf-8") as opened:
            line = opened.readline(1000).strip()
    except (OSError, ValueError) as error:
        raise Refused(f"{file}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    if not line or not line.isprintable():
        raise Refused(f"{file}: its first line must be TOKEN or USER:PASSWORD")
    return line


def _authorization(login: str) -> str:
    """Return the value of the header for `TOKEN` or `USER:PASSWORD`."""
    if ":" not in login:
        return f"Bearer {login}"
    return f"Basic {b64encode(login.encode()).decode()}"
