"""Logins by the form of the login page, as a browser sends it."""

import time
from collections.abc import Mapping

from aiohttp import ClientResponse

from soft_stream.frames.clock import unix_time
from tests.support.logins import PASSWORDS
from tests.support.server import Portal

COOKIE = "soft_stream_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
# What browsers send when a person opens a page.
PERSON = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def log_in(
    portal: Portal,
    name: str,
    password: str = "",
    path: str = "/login",
    headers: Mapping[str, str] | None = None,
    next_page: str = "",
) -> ClientResponse:
    """Send the form, by default with the right password, and return the answer."""
    fields = {"name": name, "password": password or PASSWORDS[name], "next": next_page}
    async with portal.http.post(path, data=fields, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer


async def session_of(portal: Portal, name: str) -> dict[str, str]:
    """Log in, and return the header with the cookie."""
    answer = await log_in(portal, name)
    return {"Cookie": f"{COOKIE}={answer.cookies[COOKIE].value}"}


async def log_out(portal: Portal, headers: Mapping[str, str]) -> ClientResponse:
    """Send the form of the logout, and return the answer."""
    async with portal.http.post("/logout", headers=headers, allow_redirects=False) as answer:
        return answer


def now() -> float:
    """Return the time of sessions, in seconds of the wall clock."""
    return unix_time(time.monotonic())
