"""Faults that are put into the server on purpose, to show that the fuzzer finds faults of their kind."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import hdrs, web

from soft_stream.access.rights import ALL_RIGHTS, Rights
from soft_stream.access.signing import SigningKey
from soft_stream.web.app import build_app
from soft_stream.web.auth.guard import Guard
from soft_stream.web.auth.identity import Identity
from tests.support import server

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Planted(Exception):
    """A fault that a test has put there; no handler of the product expects it."""


def plant(monkeypatch: pytest.MonkeyPatch, middleware: Any) -> None:
    """Put a middleware in front of the handlers of servers that are started from now on."""
    original = build_app

    def build(*args: Any, **options: Any) -> web.Application:
        app = original(*args, **options)
        app.middlewares.append(middleware)
        return app

    monkeypatch.setattr(server, "build_app", build)


def _number(request: web.Request, name: str) -> float:
    try:
        return float(request.query.get(name, ""))
    except ValueError:
        return 0.0


async def _has_nested_list(request: web.Request) -> bool:
    if request.method != hdrs.METH_POST or not request.path.endswith("/controls"):
        return False
    try:
        body = json.loads(await request.text())
    except (ValueError, LookupError, RecursionError, web.HTTPException, web.RequestPayloadError):
        return False
    values = body.values() if isinstance(body, dict) else ()
    return any(isinstance(item, list) for value in values if isinstance(value, list) for item in value)


# by name: one combination of two parameters, one value in a header, one method, one path, a body, a chunked request
FAILS: dict[str, Callable[[web.Request], bool]] = {
    "wide and ugly": lambda request: _number(request, "width") > 4000 and _number(request, "quality") == 1,
    "three digits in a language": lambda request: "q=0.123" in request.headers.get(hdrs.ACCEPT_LANGUAGE, ""),
    "PUT to a folder": lambda request: request.method == hdrs.METH_PUT and request.path.count("/") > 1,
    "HEAD of one path": lambda request: request.method == hdrs.METH_HEAD and request.path == "/state",
    "a cookie and HTTP/1.0": lambda request: request.version.minor == 0 and hdrs.COOKIE in request.headers,
    "a language and a coding": lambda request: (
        {hdrs.ACCEPT_LANGUAGE, hdrs.ACCEPT_ENCODING} <= request.headers.keys() and request.path == "/cameras"
    ),
    "chunks": lambda request: request.headers.get(hdrs.TRANSFER_ENCODING) == "chunked" and "resume" in request.path,
    "seconds with a fraction": lambda request: request.path == "/arm" and 0 < _number(request, "seconds") % 1 < 0.5,
    "a long name": lambda request: len(request.query.get("client", "")) > 200,
}
NESTED = "a list in a list"


@web.middleware
async def failing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Raise for the inputs of FAILS."""
    for name, applies in FAILS.items():
        if applies(request):
            raise Planted(name)
    if await _has_nested_list(request):
        raise Planted(NESTED)
    return await handler(request)


@web.middleware
async def hanging(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Never answer a form that is sent to `/focus`, and one that announces more than it has."""
    if request.path.endswith("/focus") and request.content_type == "application/x-www-form-urlencoded":
        await asyncio.Event().wait()
    return await handler(request)


def leaking() -> Any:
    """Return a middleware that keeps 1 kB of each error, status and POST, and of each new query of one route."""
    errors: list[bytes] = []
    statuses: dict[int, str] = {}
    texts: list[list[str]] = []
    answers: dict[str, bytes] = {}

    @web.middleware
    async def leak(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/status.json"):
            statuses[len(statuses)] = request.path + "x" * 1000
        if request.path == "/arm" and request.query_string not in answers:
            answers[request.query_string] = bytes(1000)
        if request.method == hdrs.METH_POST:
            texts.append([f"{number}" * 5 for number in range(300, 315)])
        try:
            return await handler(request)
        except web.HTTPException:
            errors.append(bytes(1000))
            raise

    return leak


def _identified(monkeypatch: pytest.MonkeyPatch, is_trusted: Callable[[web.Request], bool]) -> None:
    """Make administrators of the clients of some requests."""
    original = Guard.identify

    async def identify(self: Guard, request: web.Request) -> Identity:
        return Identity("", "internal", ALL_RIGHTS) if is_trusted(request) else await original(self, request)

    monkeypatch.setattr(Guard, "identify", identify)


def without_check_of_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the login for one method."""
    _identified(monkeypatch, lambda request: request.method == hdrs.METH_HEAD)


def without_check_of_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the login for one file of an older program."""
    _identified(monkeypatch, lambda request: request.path.endswith("/program.json"))


def trusting_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the header in which some proxies name a user."""
    _identified(monkeypatch, lambda request: "X-Remote-User" in request.headers)


def without_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept every login for every route."""
    monkeypatch.setattr("soft_stream.web.auth.required_role.require", lambda request, role: None)


def without_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept tokens that have expired."""
    monkeypatch.setattr("soft_stream.web.auth.logins.is_expired", lambda token, now: False)


def without_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept sessions that another key has signed."""
    digest = SigningKey.digest

    def read(self: SigningKey, purpose: str, text: str) -> dict[str, Any] | None:
        body = text.partition(".")[0]
        try:
            payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except ValueError:
            return None
        return payload if isinstance(payload, dict) and "user" in payload and purpose == "session" else None

    monkeypatch.setattr(SigningKey, "read", read)
    a_key = SigningKey(bytes(32))
    monkeypatch.setattr(SigningKey, "digest", lambda self, purpose, text: digest(a_key, purpose, text))


def without_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept logins of other cameras."""
    monkeypatch.setattr(Rights, "on", lambda self, camera: self.role)
