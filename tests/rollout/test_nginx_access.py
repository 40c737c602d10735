"""Access through nginx: logins, preflights, origins, TLS, and the security headers of the pages."""

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from soft_stream.web.app import build_app
from tests.support import nginx_process
from tests.support.checkout import ROOT
from tests.support.nginx_process import HAPROXY, Nginx, StartNginx, login
from tests.support.processes import free_port
from tests.support.server import Portal, StartPortal

SECURITY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


async def test_nothing_without_a_login(portal: Portal, front: Nginx, stranger: ClientSession) -> None:
    """Every URL and method, also unknown ones, is 401 on each port; the camera stays closed."""
    routes = build_app(portal.supervisor, {0: portal.supervisor.settings}).router.routes()
    asked = {
        (route.method, route.resource.canonical.format(name="style.css", prefix=""))
        for route in routes
        if route.resource
    }
    assert ("POST", "/controls") in asked
    ports = {front.url(0): "", front.url(): "/cam0"}
    urls = [(method, f"{port}{prefix}{path}") for port, prefix in ports.items() for method, path in asked]
    for path in (
        "/",
        "/cameras",
        "/cameras.json",
        "/static/shared/style.css",
        "/static",
        "/cam0",
        "/cam1",
        "/cam1/",
        "/stream.mjpg",
        "/x",
    ):
        urls += [("GET", front.url() + path), ("POST", front.url() + path)]
    for method, url in [*urls, ("GET", front.url(0) + "/x"), ("OPTIONS", front.url(0) + "/controls")]:
        async with stranger.request(method, url, allow_redirects=False) as answer:
            assert answer.status == 401, (method, url)
            assert answer.headers.getall("WWW-Authenticate") == ['Basic realm="cameras"']
            assert method == "HEAD" or await answer.text() == "A login is needed.\n"
    assert portal.device.opened == 0


async def test_the_password_is_not_forwarded(
    portal: Portal, front: Nginx, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gets the client's Host and address, but not its login nor a forged prefix."""
    got: dict[str, str] = {}

    def spy(request: Any) -> Any:
        got.update(request.headers)
        return []

    monkeypatch.setattr("soft_stream.web.pages.pages.addresses_for", spy)
    forged = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-For": "192.0.2.7", "Host": "pi.local:8081"}
    async with http.get(front.url(0) + "/", headers=forged) as answer:
        assert answer.status == 200
    assert "Authorization" not in got
    assert "X-Forwarded-Prefix" not in got
    assert got["Host"] == "pi.local:8081"
    assert got["X-Forwarded-Proto"] == "http"
    assert got["X-Forwarded-For"].endswith("192.0.2.7")  # a proxy on this machine is trusted
    async with http.get(front.url() + "/cam0/", headers=forged) as answer:
        assert answer.status == 200
    assert got["X-Forwarded-Prefix"] == "/cam0"
    assert portal.device.opened == 0


async def test_a_post_is_accepted_from_its_own_origin_only(front: Nginx, http: ClientSession) -> None:
    """The origin is compared with host and port of the request; another one is 403."""
    for url, prefix in ((front.url(0), ""), (front.url(), "/cam0")):
        async with http.post(f"{url}{prefix}/focus", headers={"Origin": url}) as answer:
            assert answer.status == 200
        for origin in ("http://evil.example", "http://127.0.0.1"):
            async with http.post(f"{url}{prefix}/focus", headers={"Origin": origin}) as answer:
                assert answer.status == 403


async def test_large_requests_are_refused(front: Nginx, http: ClientSession) -> None:
    """A large POST is 413, and fills neither memory nor disk."""
    async with http.post(front.url(0) + "/controls", data=b"x" * 17_000) as answer:
        assert answer.status == 413
        assert await answer.text() == "The request is too large.\n"
    assert front.temporary_files() == []


async def test_failed_logins_are_slowed_and_good_ones_are_not(
    front: Nginx, http: ClientSession, stranger: ClientSession
) -> None:
    """Wrong passwords are delayed, and too many are refused; right ones from the same address are served at once."""

    async def attempt() -> int:
        async with stranger.get(front.url(0) + "/status.json", headers=login("wrong")) as answer:
            assert answer.status in (401, 429)
            if answer.status == 401:
                assert answer.headers.getall("WWW-Authenticate") == ['Basic realm="cameras"']
            else:
                assert (await answer.text()).startswith("Too many failed logins")
                assert answer.headers["Retry-After"] == "10"
            return answer.status

    assert await attempt() == 401
    attempts = [asyncio.create_task(attempt()) for _ in range(50)]
    for done in asyncio.as_completed(attempts):
        if await done == 429:
            break
    for _ in range(30):
        async with http.get(front.url(0) + "/status.json") as answer:
            assert answer.status == 200
        async with stranger.get(front.url() + "/cam0/") as answer:  # no attempt, but the first request of a browser
            assert answer.status == 401
    for task in attempts:
        task.cancel()
    await asyncio.wait(attempts)
    log = (front.folder / "error.log").read_text()
    assert "password mismatch" in log
    assert "delaying request" in log


PREFLIGHT = {"Origin": "http://mainsail.local", "Access-Control-Request-Method": "POST"}


async def test_preflights_need_no_login(
    start_portal: StartPortal, start_nginx: StartNginx, http: ClientSession, stranger: ClientSession
) -> None:
    """A preflight without a login reaches the server and gets an empty response; other requests are 401."""
    portal = await start_portal(cors_origins=("http://mainsail.local",))
    front = await start_nginx({0: portal.port})
    for url in (front.url(0), front.url() + "/cam0"):
        for path in ("/controls", "/snapshot.jpg", "/stream.mjpg"):
            async with stranger.options(url + path, headers=PREFLIGHT) as answer:
                assert (answer.status, await answer.read()) == (204, b"")
                assert answer.headers.getall("Access-Control-Allow-Origin") == ["http://mainsail.local"]
                assert "Access-Control-Allow-Methods" in answer.headers
            async with stranger.options(url + path, headers=PREFLIGHT | {"Origin": "http://evil.example"}) as answer:
                assert answer.status == 403
                assert "Access-Control-Allow-Origin" not in answer.headers
            no_preflights = [("OPTIONS", {}), ("OPTIONS", {"Access-Control-Request-Method": ""})]
            no_preflights += [(method, PREFLIGHT) for method in ("GET", "HEAD", "POST", "PUT", "XOPTIONS", "OPTIONSX")]
            for method, headers in no_preflights:
                async with stranger.request(method, url + path, headers=headers) as answer:
                    assert answer.status == 401, (method, headers)
                    assert "Access-Control-Allow-Origin" not in answer.headers
        async with http.get(url + "/status.json", headers=PREFLIGHT) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    for path in ("/cam0", "/cam1/", "/nothing"):  # nginx's own answers
        async with stranger.options(front.url() + path, headers=PREFLIGHT, allow_redirects=False) as answer:
            assert answer.status == 401
    assert portal.device.opened == 0


async def test_too_many_preflights_are_refused(front: Nginx, http: ClientSession, stranger: ClientSession) -> None:
    """Many preflights without a login are refused, while requests with a login are served."""

    async def preflight() -> int:
        async with stranger.options(front.url(0) + "/controls", headers=PREFLIGHT) as answer:
            return answer.status

    while 429 not in await asyncio.gather(*(preflight() for _ in range(100))):
        pass
    async with http.get(front.url(0) + "/status.json") as answer:
        assert answer.status == 200
    async with stranger.get(front.url(0) + "/status.json") as answer:
        assert answer.status == 401


async def test_security_headers_once_each(front: Nginx, http: ClientSession, stranger: ClientSession) -> None:
    """Every response has them, errors included; the server's own headers are neither doubled nor changed."""
    for session, path, status in (
        (http, "/cam0/", 200),
        (http, "/", 200),
        (http, "/static/shared/style.css", 200),
        (http, "/cam0/snapshot.jpg", 200),
        (http, "/cam0/status.json", 200),
        (http, "/cam0/nothing", 404),
        (http, "/nothing", 404),
        (stranger, "/cam0/", 401),
    ):
        async with session.get(front.url() + path) as answer:
            assert answer.status == status
            for name, value in SECURITY.items():
                assert answer.headers.getall(name) == [value], path
            assert answer.headers.getall("Cache-Control") == ["no-cache" if "static" in path else "no-store"]
            assert answer.headers["Server"] == "nginx"
            assert len(answer.headers.getall("Permissions-Policy")) == 1
            policies = answer.headers.getall("Content-Security-Policy", [])
            assert len(policies) == (answer.content_type == "text/html")
            for harmful in ("X-Frame-Options", "Cross-Origin-Resource-Policy", "Strict-Transport-Security"):
                assert harmful not in answer.headers


async def test_tls(portal: Portal, start_nginx: StartNginx, http: ClientSession, stranger: ClientSession) -> None:
    """With a certificate plain HTTP is only redirected, before a password is requested."""
    front = await start_nginx({0: portal.port}, tls=True)
    context = ssl.create_default_context(cafile=front.places.certificate)
    for camera, path in ((0, "/focus"), (None, "/cam0/focus")):
        host = f"127.0.0.1:{front.port(camera)}"
        async with stranger.post(f"http://{host}{path}?x=y", allow_redirects=False) as answer:
            assert answer.status == 307
            assert answer.headers["Location"] == f"https://{host}{path}?x=y"
            assert "WWW-Authenticate" not in answer.headers
        async with stranger.get(f"https://{host}{path}", ssl=context) as answer:
            assert answer.status == 401
        async with http.post(f"https://{host}{path}", ssl=context, headers={"Origin": f"https://{host}"}) as answer:
            assert answer.status == 200
            assert "Strict-Transport-Security" not in answer.headers


async def test_the_haproxy_example(front: Nginx, tmp_path: Path, http: ClientSession, stranger: ClientSession) -> None:
    """The example is valid; plain HTTP is redirected to HTTPS, where nginx requires the login."""
    plain, secure = free_port(), free_port()
    certificate, key = tmp_path / "haproxy.crt", tmp_path / "haproxy.key"
    nginx_process.make_certificate(certificate, key)
    both = tmp_path / "haproxy.pem"
    both.write_text(certificate.read_text() + key.read_text())
    text = (ROOT / "nginx/haproxy-example.cfg").read_text()
    for example, here in (
        (":::80 v4v6", f"127.0.0.1:{plain}"),
        (":::443 v4v6", f"127.0.0.1:{secure}"),
        ("/etc/haproxy/cameras.pem", str(both)),
        ("127.0.0.1:8080", f"127.0.0.1:{front.port()}"),
    ):
        assert example in text
        text = text.replace(example, here)
    file = tmp_path / "haproxy.cfg"
    file.write_text(text)
    checked = await asyncio.to_thread(
        subprocess.run, [HAPROXY, "-c", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr
    haproxy = await asyncio.create_subprocess_exec(HAPROXY, "-db", "-f", str(file))
    try:
        await nginx_process.listening(secure, haproxy)
        async with stranger.get(f"http://127.0.0.1:{plain}/cam0/", allow_redirects=False) as answer:
            assert answer.status == 307
            assert answer.headers["Location"].startswith("https://127.0.0.1")
        context = ssl.create_default_context(cafile=certificate)
        url = f"https://127.0.0.1:{secure}"
        async with stranger.get(f"{url}/cam0/", ssl=context) as answer:
            assert answer.status == 401
        async with http.get(f"{url}/cam0/stream.mjpg", ssl=context) as answer:
            assert answer.status == 200
            assert await answer.content.readline() == b"--softstreamframe\r\n"
        async with http.post(f"{url}/cam0/focus", ssl=context, headers={"Origin": url}) as answer:
            assert answer.status == 200
    finally:
        haproxy.terminate()
        await haproxy.wait()
