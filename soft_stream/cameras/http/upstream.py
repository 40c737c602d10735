"""The connection to another server: login, certificate, redirections, time limits."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout, hdrs
from yarl import URL

from soft_stream import __version__
from soft_stream.cameras.http import faults

# Seconds until a connection is made.
CONNECT_TIMEOUT = 5.0
# Redirections and the request with a login are further ones.
MOST_REQUESTS = 5
# Seconds for the end of a connection, which aiohttp does not wait for.
CLOSING = 0.05
# Bytes of the text of an error that are read, and for how many seconds.
ERROR_BYTES, ERROR_TIMEOUT = 2000, 2.0
HEADERS = {
    hdrs.ACCEPT: "multipart/x-mixed-replace, image/jpeg, */*;q=0.1",
    hdrs.ACCEPT_ENCODING: "identity",  # nothing is decompressed, so nothing can be a bomb
    hdrs.USER_AGENT: f"camera-soft-stream/{__version__}",
}


class Upstream:
    """Requests to one URL, by one connection after the other."""

    def __init__(self, url: str, session: ClientSession, patience: float, via: tuple[str, ...] = ()) -> None:
        whole = URL(url)
        self.url = whole.with_user(None).with_fragment(None)
        self._login = (whole.user or "", whole.password or "") if whole.user or whole.password else None
        self._session = session
        self._patience = patience
        """Seconds until an answer begins."""
        self._headers = HEADERS | ({hdrs.VIA: ", ".join(f"1.1 {name}" for name in via)} if via else {})
        self._options: dict[str, Any] = {}
        """The login in the form that the server has asked for, unless that is a header."""
        self._sends_login = False

    @asynccontextmanager
    async def answer(self) -> AsyncIterator[ClientResponse]:
        """Request the URL, and return the answer if it is a success.

        Raises:
            HttpFault: the server cannot be reached, or answers with an error.
        """
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._request()
        except TimeoutError:
            raise faults.silent(self.url, self._patience) from None
        except (ssl.SSLError, aiohttp.ClientSSLError, ssl.CertificateError) as error:
            raise faults.untrusted(self.url, error) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise faults.unreachable(self.url, error) from error
        try:
            yield answer
        except (aiohttp.ClientError, OSError) as error:
            raise faults.unreachable(self.url, error) from error
        finally:
            answer.close()

    async def _request(self) -> ClientResponse:
        url = self.url
        for _ in range(MOST_REQUESTS):
            answer = await self._session.get(url, headers=self._headers, allow_redirects=False, **self._options)
            try:
                following = await self._following(url, answer)
            except BaseException:
                answer.close()
                raise
            if following is None:
                return answer
            answer.close()
            url = following
        raise faults.broken(url, "it redirects again and again")

    async def _following(self, url: URL, answer: ClientResponse) -> URL | None:
        """Return what to request after an answer: with a login, or elsewhere; None if this is a success."""
        if answer.status in faults.LOGIN_ANSWERS and self._login and not self._sends_login:
            self._sends_login = True
            self._options = self._login_for(faults.challenge(answer))
            return url
        if answer.status in faults.REDIRECTS:
            return self._target(url, answer)
        if answer.status != 200:
            text = await _beginning(answer)
            raise faults.refused(url, answer, text, has_login=self._login is not None)
        return None

    def _login_for(self, scheme: str) -> dict[str, Any]:
        """Return how to send the login; a password is sent to a server only after it has asked for one."""
        user, password = self._login or ("", "")
        if scheme == "digest" and hasattr(aiohttp, "DigestAuthMiddleware"):  # aiohttp 3.12
            return {"middlewares": (aiohttp.DigestAuthMiddleware(user, password),)}
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers |= {hdrs.AUTHORIZATION: f"Basic {login}"}
        return {}

    def _target(self, url: URL, answer: ClientResponse) -> URL:
        """Return where a redirection leads, if that is the same server, or the same one over TLS.

        Otherwise a hostile server could make this one request anything that is within its reach.
        """
        try:
            target = url.join(URL(answer.headers.get(hdrs.LOCATION, "")))
        except ValueError as error:
            raise faults.broken(url, "it redirects to no URL") from error
        is_upgrade = (url.scheme, url.port, target.scheme, target.port) == ("http", 80, "https", 443)
        same_place = (target.scheme, target.port) == (url.scheme, url.port) or is_upgrade
        if target.host != url.host or not same_place:
            raise faults.redirected(url, target)
        return target.with_user(None).with_fragment(None)


@asynccontextmanager
async def open_session(trusted: ssl.SSLContext) -> AsyncIterator[ClientSession]:
    """Open a session that keeps no cookies, uses no proxy, and resolves names as the system does (mDNS)."""
    connector = aiohttp.TCPConnector(limit=1, ssl=trusted, resolver=aiohttp.ThreadedResolver())
    async with ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        read_bufsize=256 * 1024,
    ) as session:
        try:
            yield session
        finally:
            await session.close()
            await asyncio.sleep(CLOSING)  # a connection with TLS is closed in the next turns of the loop


def make_trust(authority: str) -> ssl.SSLContext:
    """Return the TLS context that trusts the system's authorities or, instead, those of a file.

    Raises:
        HttpFault: the file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError) as error:
        raise faults.no_authority(authority, error) from error


async def _beginning(answer: ClientResponse) -> str:
    """Return the beginning of the text of an error, as far as it arrives soon."""
    data = b""
    try:
        async with asyncio.timeout(ERROR_TIMEOUT):
            while len(data) < ERROR_BYTES and (piece := await answer.content.read(ERROR_BYTES)):
                data += piece
    except (TimeoutError, aiohttp.ClientError, OSError):
        return ""
    return data.decode(errors="replace").partition("\n")[0]
