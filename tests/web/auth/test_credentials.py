"""The logins in requests, in the forms in which programs and browsers send them."""

import asyncio
import base64
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from soft_stream.access import sessions
from soft_stream.access.accounts import read_accounts
from soft_stream.access.signing import SigningKey
from soft_stream.web.auth import credentials
from soft_stream.web.auth.credentials import Credentials
from tests.support.logins import TOKENS, basic, bearer, login_of, write_logins
from tests.support.server import Portal, StartPortal

ACCENTS = "žluťoučký kůň"
TOKEN = TOKENS["see"]


def coded(text: str, encoding: str = "utf-8") -> str:
    """Return the Base64 of a text."""
    return base64.b64encode(text.encode(encoding)).decode()


def parsed(*headers: str, cookies: tuple[str, ...] = ()) -> Credentials:
    """Return what is read of the Authorization and Cookie headers."""
    pairs = [*((hdrs.AUTHORIZATION, each) for each in headers), *((hdrs.COOKIE, each) for each in cookies)]
    return credentials.parse(make_mocked_request("GET", "/", CIMultiDict(pairs)))


@pytest.mark.parametrize(
    ("header", "password"),
    [
        (f"Basic {coded('hans:geheim')}", ("hans", "geheim")),
        (f"bAsIc   {coded('hans:geheim')} ", ("hans", "geheim")),
        (f"Basic {coded('hans:a:b:')}", ("hans", "a:b:")),
        (f"Basic {coded(':geheim')}", ("", "geheim")),
        (f"Basic {coded('hans:')}", ("hans", "")),
        (f"Basic {coded('jürgen:ключ')}", ("jürgen", "ключ")),
        (f"Basic {coded('jürgen:naïve', 'latin-1')}", ("jürgen", "naïve")),
        (f"Basic {coded('hans:a' + chr(0) + 'b')}", ("hans", "a\0b")),
    ],
)
def test_basic(header: str, password: tuple[str, str]) -> None:
    """The first colon ends the name; the bytes are UTF-8, or else Latin-1."""
    assert parsed(header) == Credentials(password=password)


def test_a_session_of_https_counts_first() -> None:
    """Browsers send the oldest cookie first, which may be that of another user over http."""
    sent = parsed(cookies=("soft_stream_session=plain; a=b; __Host-soft_stream_session=tls",))
    assert sent == Credentials(sessions=("tls", "plain"))


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic ", "Basic =", "Basic ***", f"Basic {coded('no colon')}", f"Basic{coded('a:b')}", "Basic aGk",
     f"Basic {coded('a:b')}, Basic {coded('c:d')}", f"Digest {coded('a:b')}", f"Basic {coded('a:' + 'x' * 2000)}",
     "Basic žluť", "Negotiate YII", "Bearer", f"Basic {coded('a:b')} x"],
)  # fmt: skip
def test_what_is_no_login(header: str) -> None:
    """Broken, foreign and huge values are no login, and no error."""
    assert not parsed(header)


@given(st.text(st.characters(max_codepoint=0x2FF)), st.binary(max_size=60))
def test_any_header(text: str, raw: bytes) -> None:
    """No value of a header or URL is an error."""
    basic_of_raw = base64.b64encode(raw).decode()
    for value in (text, f"Basic {text}", f"Basic {basic_of_raw}", f"Bearer {text}"):
        parsed(value, cookies=(value, f"soft_stream_session={text}"))
    request = make_mocked_request("GET", f"/{quote(raw)}?{quote(text)}{basic_of_raw}")
    assert credentials.find_token(request) == ""


def test_bearer() -> None:
    """The name of the scheme has no case; a token may be the password of any name."""
    for header in (f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "):
        assert parsed(header) == Credentials(token=TOKEN)
    for name in ("", "octoprint", "x" * 100):
        assert parsed(f"Basic {coded(f'{name}:{TOKEN}')}") == Credentials(token=TOKEN)
    assert parsed(f"Basic {coded(f'{TOKEN}:')}") == Credentials(password=(TOKEN, ""))


def test_several_headers() -> None:
    """Of several Authorization headers none counts, in either order, and a session beside them does."""
    good, bad = f"Basic {coded('a:b')}", "Basic ***"
    for headers in ((good, bad), (bad, good), (good, good), (good, "")):
        assert parsed(*headers, cookies=("soft_stream_session=s",)) == Credentials(sessions=("s",))


def test_cookies() -> None:
    """All cookies of our names count, in all headers; others, empty and huge ones do not."""
    name = "soft_stream_session"
    found = parsed(cookies=(f'a=b; {name}=one;{name}= ; {name}="two"', f"x{name}=no; __Host-{name}=three; {name}"))
    assert found == Credentials(sessions=("three", "one", "two"))
    assert not parsed(cookies=(f"{name}={'x' * 2000}",))
    assert len(parsed(cookies=("; ".join(f"{name}=v{number}" for number in range(200)),)).sessions) == 100


DISGUISES = {
    "a parameter": f"/snapshot.jpg?token={TOKEN}",
    "a parameter of another name": f"/snapshot.jpg?a=1&x={TOKEN}&b=2",
    "a parameter without a value": f"/snapshot.jpg?{TOKEN}",
    "the name of a parameter": f"/snapshot.jpg?{TOKEN}=1",
    "a part of a value": f"/?action=snapshot&auth=Bearer%20{TOKEN}",
    "percent-encoded": f"/snapshot.jpg?t={''.join(f'%{ord(each):02x}' for each in TOKEN)}",
    "partly encoded": f"/snapshot.jpg?t={TOKEN.replace('_', '%5F')}",
    "encoded three times": f"/snapshot.jpg?t={quote(quote(TOKEN.replace('css', '%63ss')))}",
    "after a semicolon": f"/snapshot.jpg;t={TOKEN}",
    "in the path": f"/{TOKEN}/snapshot.jpg",
    "behind an encoded question mark": f"/snapshot.jpg%3Ft={TOKEN}",
    "a login in Base64": f"/snapshot.jpg?authorization=Basic%20{quote(coded(f'octoprint:{TOKEN}'))}",
    "Base64 with a name of another length": f"/snapshot.jpg?a={quote(coded(f'oc:{TOKEN}'))}",
    "a path that does not exist": f"/nothing?token={TOKEN}",
    "a file without a role": f"/static/shared/style.css?token={TOKEN}",
    "a token that does not exist": f"/snapshot.jpg?token=css_{'A' * 43}",
}


@pytest.mark.parametrize("disguise", DISGUISES)
async def test_tokens_in_urls(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture, disguise: str
) -> None:
    """A token in a URL is 400 for all clients, also with a right login; the log names the token, and not its text."""
    portal = await start_portal(users_file=str(write_logins(tmp_path).users))
    for headers in ({}, login_of("adam"), bearer(TOKEN)):
        async with portal.http.get(f"http://127.0.0.1:{portal.port}", headers=headers) as answer:
            assert answer.status == 200
        status, text = await requested(portal, DISGUISES[disguise], {**headers})
        assert status == 400
        assert "Revoke this token" in text
        assert TOKEN not in text
    lines = [each for each in caplog.messages if "whose URL has" in each]
    assert len(lines) == 1  # of three equal requests
    assert ("a token that does not exist" in lines[0]) == ("A" * 43 in DISGUISES[disguise])
    assert "css_" not in caplog.text
    assert portal.device.opened == 0


async def requested(portal: Portal, target: str, headers: dict[str, str]) -> tuple[int, str]:
    """Request a target exactly as it is written, and return the status and the text."""
    url = URL(f"http://127.0.0.1:{portal.port}{target}", encoded=True)
    async with portal.http.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("query", ["client=css_page", "t=css_" + "a" * 42, "x=" + "QUJD" * 40, "v=css-" + "a" * 43])
async def test_what_only_looks_like_a_token(portal: Portal, query: str) -> None:
    """Other values in a URL are no tokens."""
    assert (await requested(portal, f"/status.json?{query}", {}))[0] == 200


@pytest.fixture
async def locked(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """Return a server that wants a login, with a user whose name and password have accents."""
    files = write_logins(tmp_path, {"vera": ACCENTS, "conny": "naïve"})
    files.users.write_text(files.users.read_text().replace("vera", "jiří").replace("conny", "jürgen"))
    return await start_portal(auth="always", users_file=str(files.users))


async def test_encodings(locked: Portal) -> None:
    """Names and passwords with accents work for clients that send UTF-8, and for those that send Latin-1."""
    for login, encoding, status in (
        (f"jiří:{ACCENTS}", "utf-8", 200),
        ("jürgen:naïve", "utf-8", 200),
        ("jürgen:naïve", "latin-1", 200),
        ("jürgen:naive", "latin-1", 401),
    ):
        headers = {"Authorization": f"Basic {coded(login, encoding)}"}
        async with locked.http.get("/status.json", headers=headers) as answer:
            assert answer.status == status, login


async def test_a_session_beside_a_foreign_login(start_portal: StartPortal, tmp_path: Path) -> None:
    """A proxy's own Authorization does not take the session from a browser."""
    files = write_logins(tmp_path)
    accounts, key = await asyncio.to_thread(lambda: (read_accounts(str(files.users), None), SigningKey.load(tmp_path)))
    cookie = sessions.begin(key, accounts.users["adam"], time.time())
    portal = await start_portal(auth="always", users_file=str(files.users), state_directory=tmp_path)
    for authorization in (basic("proxy", "secret"), bearer("eyJhbGciOi.J9"), {}):
        for value, status in ((cookie, 200), ("ended", 401), (cookie + "x", 401)):
            headers = {**authorization, "Cookie": f"soft_stream_session={value}"}
            async with portal.http.get("/status.json", headers=headers) as answer:
                assert answer.status == status
