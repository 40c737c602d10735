"""Requests to web servers of this machine, above all to the running processes of the cameras."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from soft_stream.access import internal
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.loader import RUNTIME_SOCKETS, SERVICE_STATE
from soft_stream.config.settings import Settings

# Bytes to read of an answer; the port may belong to another program.
MAX_BYTES = 1_000_000
# The directory of the sockets of the units, which only the service can write.
SOCKETS = Path("/run/camera-soft-stream-sockets")
NEEDS_LOGIN = (401, 403)
REFUSED = "connection refused"


@dataclass(frozen=True)
class Reply:
    """The reply of a URL; status 0 means no reply, for the reason in `error`."""

    status: int
    text: str = ""
    error: str = ""
    body: bytes = field(default=b"", repr=False)
    """The bytes of an image, which has no text."""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_connected: bool = True
    """Whether there was a connection."""

    @property
    def refused(self) -> bool:
        """Whether the connection was refused."""
        return self.error == REFUSED


@dataclass(frozen=True)
class Limits:
    """The seconds that a reply may take, and the bytes that are read of it."""

    seconds: float
    size: int = MAX_BYTES


async def get(url: str, limits: Limits, authorization: str = "", unix_socket: str = "") -> Reply:
    """Send GET to a web server of this machine; its certificate may be self-signed."""
    # a compressed reply could be of any size
    headers = {"Accept-Encoding": "identity", **({"Authorization": authorization} if authorization else {})}
    body = bytearray()
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(unix_socket) if unix_socket else None,
                timeout=aiohttp.ClientTimeout(total=limits.seconds),
                auto_decompress=False,
            ) as session,
            session.get(url, headers=headers, ssl=False, allow_redirects=False) as answer,
        ):
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > limits.size:
                    break
            if answer.content_type.startswith("image/"):
                return Reply(answer.status, body=bytes(body), headers=answer.headers)
            return Reply(answer.status, body.decode(errors="replace"), headers=answer.headers)
    except TimeoutError:
        return Reply(0, error=f"no answer for {limits.seconds:g} s")
    except aiohttp.ClientConnectorError as error:
        # no process listens on a socket that is missing
        refused = isinstance(error.os_error, ConnectionRefusedError | FileNotFoundError)
        return Reply(0, error=REFUSED if refused else str(error), is_connected=False)
    except aiohttp.ClientResponseError:
        return Reply(0, error="the answer is not HTTP")
    except aiohttp.ClientPayloadError:
        return Reply(0, error="the connection was closed before the end of the answer")
    except (aiohttp.ClientError, OSError) as error:
        return Reply(0, error=str(error) or type(error).__name__)


async def ask(settings: Settings, path: str, limits: Limits) -> Reply:
    """Send GET to the process of a camera, with a token in case that it requires a login.

    Its endpoints are tried in turn: one may be of a network that is down, or need a login that this user does not have.
    A process listens on all of them, so it does not run if one of them refuses the connection.
    """
    authorization = await asyncio.to_thread(authorization_of, settings)
    required = {_reached(each) for each in settings.endpoints if not settings.is_optional(each)}
    failed: list[Reply] = []
    for endpoint in reachable(settings):
        url = f"http://localhost{path}" if endpoint.path else f"{endpoint}{path}"
        reply = await get(url, limits, authorization, endpoint.path)
        if reply.is_connected and reply.status not in NEEDS_LOGIN:
            return reply
        failed.append(reply)
        if reply.refused and endpoint in required:
            break
    return min(failed, key=lambda each: (not each.is_connected, not each.refused))


def authorization_of(settings: Settings) -> str:
    """Return the header of a request to the process of a camera; empty if this user may not read the key for it."""
    token = internal.token_of(settings.state_directory, settings.camera)
    return f"Bearer {token}" if token else ""


def why_no_login(settings: Settings) -> str:
    """Return why the process of a camera does not accept `ask`, which it has answered with a status of NEEDS_LOGIN."""
    if internal.token_of(settings.state_directory, settings.camera):
        return (
            f"{settings.local_url} refuses the login of this command: its process has another state directory than "
            f"{settings.state_directory}, or is another program"
        )
    return (
        f"{settings.local_url} requires a login, and this user may not read the key for it: run the command with sudo"
    )


def reachable(settings: Settings) -> Iterator[Endpoint]:
    """Yield the endpoints of a process as a client on this machine uses them, those of loopback first."""
    endpoints = [_reached(each) for each in settings.endpoints]
    if settings.state_directory == SERVICE_STATE:  # the environment of the units has more endpoints than their settings
        endpoints.append(Endpoint("unix", path=str(SOCKETS / RUNTIME_SOCKETS[0].format(settings.camera))))
    yield from sorted(dict.fromkeys(endpoints), key=_order)


def _reached(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint with an address that can be reached, where it is that of all addresses."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(endpoint.address, endpoint.address)  # noqa: S104 # nothing is bound here
    return Endpoint(endpoint.scheme, address, endpoint.port, endpoint.path)


def _order(endpoint: Endpoint) -> int:
    return 1 if endpoint.path else 2 if endpoint.is_public else 0
