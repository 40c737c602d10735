"""TLS on nginx's ports: pages only by HTTPS, everything else by HTTP too, with the same login and the same errors."""

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession, hdrs, web
from yarl import URL

from tests.support.checkout import ROOT
from tests.support.nginx_process import PASSWORD, USER, Nginx, StartNginx, address_in_the_network, login
from tests.support.processes import free_port
from tests.support.server import Portal, StartPortal

# What clients send in Accept: Chrome, Firefox and Safari for a page.
PAGES = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Text/HTML",
)
# Browsers for pictures, fetch() and scripts; programs; Java.
OTHERS = (
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "*/*",
    "text/css,*/*;q=0.1",
    "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    "",
)


@pytest.fixture
async def front(portal: Portal, start_nginx: StartNginx) -> Nginx:
    """Start nginx with a certificate in front of one server."""
    return await start_nginx({0: portal.port}, tls=True)


@pytest.fixture
def trusting(front: Nginx) -> ssl.SSLContext:
    """Return a context that trusts the certificate."""
    return ssl.create_default_context(cafile=front.places.certificate)


def authorities(front: Nginx) -> dict[str, str]:
    """Return host and port of the camera's own port and of the port of all cameras, each with the camera's folder."""
    return {f"127.0.0.1:{front.port(0)}": "", f"127.0.0.1:{front.port()}": "/cam0"}


async def test_pages_are_redirected(front: Nginx, http: ClientSession, stranger: ClientSession) -> None:
    """A page by plain HTTP is redirected before it is requested from the server, with or without a login."""
    for host, folder in authorities(front).items():
        for path in ("/", "/login", "/cameras?x=%2F%20&y", "/nothing", "/a%3Fb//c"):
            for session in (http, stranger):
                for accept in PAGES:
                    url = f"http://{host}{folder}{path}"
                    async with session.get(
                        URL(url, encoded=True), headers={"Accept": accept}, allow_redirects=False
                    ) as answer:
                        assert answer.status == 307
                        assert answer.headers["Location"] == url.replace("http:", "https:")
                        assert hdrs.WWW_AUTHENTICATE not in answer.headers
                        assert hdrs.SET_COOKIE not in answer.headers


async def test_everything_else_is_served_by_both(
    front: Nginx, http: ClientSession, stranger: ClientSession, trusting: ssl.SSLContext
) -> None:
    """HTTP and HTTPS get the same status: snapshots, JSON, POST with a body, HEAD and errors; also without a login."""
    for host, folder in authorities(front).items():
        cases = [
            ("GET", f"{folder}/status.json", None, 200),
            ("GET", f"{folder}/snapshot.jpg?width=160", None, 200),
            ("GET", f"{folder}/snapshot.jpg?width=0", None, 400),
            ("HEAD", f"{folder}/snapshot.jpg", None, 200),
            ("GET", f"{folder}/nothing", None, 404),
            ("GET", f"{folder}/static/shared/style.css", None, 200),
            ("POST", f"{folder}/controls", b'{"Brightness": 0.5}', 200),
            ("POST", f"{folder}/controls", b"x" * 16_000, 400),
            ("POST", f"{folder}/controls", b"x" * 17_000, 413),
            ("POST", f"{folder}/focus", b"", 200),
            ("PUT", f"{folder}/status.json", b"x", 405),
        ]
        if folder:
            cases += [("GET", "/cameras.json", None, 200), ("GET", "/nothing", None, 404), ("GET", "/", None, 200)]
        for (method, path, body, status), accept in zip(cases, OTHERS * len(cases), strict=False):
            for scheme in ("http", "https"):
                url = f"{scheme}://{host}{path}"
                more = {"Accept": accept, "Origin": f"{scheme}://{host}"}
                async with http.request(method, url, data=body, ssl=trusting, headers=more) as answer:
                    assert answer.status == status, (method, url, await answer.text())
                    assert "Strict-Transport-Security" not in answer.headers
                    assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
                    await answer.read()
                async with stranger.request(method, url, data=body, ssl=trusting, headers=more) as answer:
                    expected = {401, 404, 405, 413} if status in (404, 405, 413) or "static" in path else {401}
                    assert answer.status in expected | ({200} if "static" in path else set()), (method, url)


async def test_a_login_form_by_http_is_not_accepted(front: Nginx, stranger: ClientSession) -> None:
    """The browser must open the form by HTTPS; the password is not sent once more, and there is no session."""
    for host, folder in authorities(front).items():
        for path in {"/login", f"{folder}/login", f"{folder}/any/prefix/login"}:
            url = f"http://{host}{path}?next=x"
            async with stranger.post(url, data={"password": PASSWORD}, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, url.replace("http:", "https:"))
                assert hdrs.SET_COOKIE not in answer.headers


async def test_the_server_receives_the_scheme(
    start_portal: StartPortal,
    start_nginx: StartNginx,
    http: ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """X-Forwarded-Proto is that of the connection; a proxy on this machine that removed TLS says so itself."""
    portal = await start_portal()
    front = await start_nginx({0: portal.port}, tls=True)
    trusting = ssl.create_default_context(cafile=front.places.certificate)
    seen: list[str] = []

    def spy(request: web.Request) -> list[object]:
        seen.append(request.headers["X-Forwarded-Proto"])
        return []

    monkeypatch.setattr("soft_stream.web.pages.pages.addresses_for", spy)
    own = address_in_the_network()
    for scheme, address, claimed, expected in (
        ("http", "127.0.0.1", "", "http"),
        ("https", "127.0.0.1", "", "https"),
        ("http", "127.0.0.1", "https", "https"),
        ("https", "127.0.0.1", "http", "http"),
        ("http", "127.0.0.1", "ftp", "http"),
        ("http", own, "https", "http"),
    ):
        headers = {"Accept": "*/*"} | ({"X-Forwarded-Proto": claimed} if claimed else {})
        for folder, port in (("", front.port(0)), ("/cam0", front.port())):
            async with http.get(f"{scheme}://{address}:{port}{folder}/", headers=headers, ssl=trusting) as answer:
                assert answer.status == 200
            assert seen.pop() == expected
    # behind a proxy with TLS a page is not redirected, which would never end
    async with http.get(front.url(0), headers={"Accept": PAGES[0], "X-Forwarded-Proto": "https"}) as answer:
        assert answer.status == 200


async def test_the_cookie_is_secure_with_tls_only(
    start_portal: StartPortal, start_nginx: StartNginx, stranger: ClientSession, tmp_path: Path
) -> None:
    """The cookie is Secure after a login by HTTPS, also if a proxy on this machine removed TLS."""
    portal = await start_portal(state_directory=tmp_path)
    front = await start_nginx({0: portal.port}, tls=True)
    trusting = ssl.create_default_context(cafile=front.places.certificate)
    form = {"name": USER, "password": PASSWORD}
    for host in authorities(front):
        for scheme, headers in (("https", {}), ("http", {"X-Forwarded-Proto": "https"})):
            url = f"{scheme}://{host}/login"
            async with stranger.post(url, data=form, headers=headers, ssl=trusting, allow_redirects=False) as answer:
                assert answer.status == 303
                (cookie,) = answer.headers.getall(hdrs.SET_COOKIE)
                assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
            session = {"Cookie": cookie.partition(";")[0], "Accept": "*/*"}
            folder = authorities(front)[host]
            async with stranger.get(f"https://{host}{folder}/status.json", headers=session, ssl=trusting) as answer:
                assert answer.status == 200


async def test_no_process_by_http(start_nginx: StartNginx, http: ClientSession) -> None:
    """Without a process the answer by plain HTTP is the same 503 as by HTTPS."""
    front = await start_nginx({0: free_port()}, tls=True)
    trusting = ssl.create_default_context(cafile=front.places.certificate)
    for url in (f"{front.url(0)}/stream.mjpg", f"{front.url()}/cam0/snapshot.jpg", f"{front.url()}/cameras.json"):
        for each in (url, url.replace("http:", "https:")):
            async with http.get(each, ssl=trusting) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
                assert (await answer.text()).startswith("No process answers")


URLLIB = """
import ssl, sys, urllib.request as u
from urllib.parse import urlsplit, unquote
url, passwords = urlsplit(sys.argv[1]), u.HTTPPasswordMgrWithDefaultRealm()
plain = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
if url.username:
    passwords.add_password(None, plain, url.username, unquote(url.password))
tls = u.HTTPSHandler(context=ssl.create_default_context(cafile=sys.argv[2]))
assert u.build_opener(u.HTTPBasicAuthHandler(passwords), tls).open(plain).read(2) == bytes([255, 216])
"""
PROGRAMS: dict[str, list[str]] = {
    "curl": ["curl", "-sf", "-o", "/dev/null", "--cacert", "CA", "URL"],
    "wget": ["wget", "-q", "-O", "/dev/null", "--ca-certificate", "CA", "URL"],
    "ffmpeg": ["ffmpeg", "-v", "error", "-i", "URL", "-frames:v", "1", "-f", "null", "-"],
    "urllib": [sys.executable, "-c", URLLIB, "URL", "CA"],
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_programs(front: Nginx, program: str, scheme: str) -> None:
    """Programs get a snapshot with the login in the URL, by both schemes and on both ports, and nothing without it."""
    for host, folder in authorities(front).items():
        for who, succeeds in ((f"{USER}:{PASSWORD.replace(' ', '%20')}@", True), ("", False), (f"{USER}:x@", False)):
            url = f"{scheme}://{who}{host}{folder}/snapshot.jpg"
            words = {"URL": url, "CA": str(front.places.certificate)}
            command = [words.get(word, word) for word in PROGRAMS[program]]
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            said, _ = await process.communicate()
            assert (process.returncode == 0) == succeeds, said


async def test_live_frames_by_http(front: Nginx) -> None:
    """The probe, which knows no certificate, counts live frames by plain HTTP on a port with TLS."""
    for host, folder in authorities(front).items():
        url = f"http://{USER}:{PASSWORD.replace(' ', '%20')}@{host}{folder}/stream.mjpg"
        probe = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "scripts/measure_fps.py"), url, "--frames", "20", stdout=subprocess.PIPE
        )
        out, _ = await probe.communicate()
        assert probe.returncode == 0
        assert b"(20 live frames)" in out


async def test_a_client_that_leaves_by_http(portal: Portal, front: Nginx, http: ClientSession) -> None:
    """The camera closes when the client of a stream by plain HTTP leaves; a wrong login opens nothing."""
    async with http.get(front.url(0) + "/stream.mjpg", headers=login("wrong")) as refused:
        assert refused.status == 401
    assert portal.device.opened == 0
    async with http.get(front.url(0) + "/stream.mjpg") as answer:
        await answer.content.readany()
        assert len(portal.supervisor.subscribers.clients) == 1
    answer.close()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
